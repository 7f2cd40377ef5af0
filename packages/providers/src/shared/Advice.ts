/** What to do about an agent that is missing, or that wants a login. Pure. */
import type { AgentLaunch } from "./Provider.ts";

const BY_PATH = /[/\\]/;

export const howToInstall = ({ command, install }: Pick<AgentLaunch, "command" | "install">): string => {
  if (BY_PATH.test(command)) {
    return 'Correct its path under "agents" in settings.json: an absolute one, or a name on the PATH.';
  }
  return install === undefined
    ? `Install it, so that ${command} is on the PATH of the server, or name its path under "agents" in settings.json.`
    : `Install it: ${install}`;
};

/** For one whose turn failed for want of it. */
export const loginWanted = (provider: string, login: string | undefined): string =>
  `${provider} wants a login. ${howToLogIn(login)}`;

export const howToLogIn = (login: string | undefined): string =>
  login === undefined
    ? `Log in with its own command in a terminal, as the user that runs Heddle, or set its key under "env" of the agent in settings.json.`
    : `Log in as the user that runs Heddle: ${login}. A variable may stand under "env" of the agent in settings.json.`;
