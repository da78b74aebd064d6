// Who is watching: the person who signed in, or, on one's own machine, whom the server of this page lends credentials of.

import { type Credentials, type CredentialsProvider, cognitoCredentials } from "../../../../clients/browser/src/index.ts";
import { SignIn } from "../../../chat/web/src/sign-in.ts";

/** What the page has to know of where it stands: `config.json` beside it. None of it is secret. */
export interface Config {
  /** The endpoint that streams what is watched. */
  url: string;
  region: string;
  /** How people sign in; absent on one's own machine. */
  signIn?: { url: string; userPoolId: string; userPoolClientId: string; identityPoolId: string };
}

export async function readConfig(): Promise<Config> {
  const answer = await fetch("./config.json", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`The page's config.json is not there (HTTP ${answer.status}).`);
  return (await answer.json()) as Config;
}

/** A person who signs in at the user pool's own page; undefined where nobody has to. */
export function personOf({ signIn, region }: Config): SignIn | undefined {
  return signIn && new SignIn(signIn, region);
}

export function credentialsOf({ signIn, region }: Config, person: SignIn | undefined): CredentialsProvider {
  if (!signIn || !person) return lent;
  const { identityPoolId, userPoolId } = signIn;
  return cognitoCredentials({ region, identityPoolId, userPoolId, idToken: () => person.idToken() });
}

const lent: CredentialsProvider = async (): Promise<Credentials> => {
  const answer = await fetch("./credentials.json", { method: "POST", headers: { "x-page": "observability" }, cache: "no-store" });
  if (!answer.ok) throw new Error(`The server of this page lends no credentials (HTTP ${answer.status}).`);
  return (await answer.json()) as Credentials;
};
