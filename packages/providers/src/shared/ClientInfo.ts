/** As whom Heddle speaks to agents. */
export const CLIENT_INFO = { name: "heddle", title: "Heddle", version: "0.1.0" };
