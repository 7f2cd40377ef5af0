/** Pictures that went with a prompt. */
import type { Attachment } from "@heddle/contracts/Model";

/** As the contract has it. */
const MAX_DATA = 8_388_608;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Undefined where it is too large, or no base64. */
export const imageOf = (mimeType: string, data: string, number: number): Attachment | undefined =>
  data.length <= MAX_DATA && mimeType.length <= 200 && BASE64.test(data)
    ? { name: `image-${number}`, mimeType, data }
    : undefined;

/** From `data:image/png;base64,…`. */
export const imageOfUrl = (url: string, number: number): Attachment | undefined => {
  const [head = "", data] = url.split(",", 2);
  const mimeType = /^data:([^;]+);base64$/.exec(head)?.[1];
  return mimeType === undefined || data === undefined ? undefined : imageOf(mimeType, data, number);
};
