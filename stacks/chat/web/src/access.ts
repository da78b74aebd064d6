import { type Credentials, type CredentialsProvider, StreamingClient, cognitoCredentials } from "../../../../clients/browser/src/index.ts";
import type { Settings } from "./settings.ts";
import type { SignIn } from "./sign-in.ts";

const LOCAL = "./credentials.json";

/** Calls the chat endpoint as the person who is here. */
export function clientOf(settings: Settings, person: SignIn | undefined): StreamingClient {
  const { url, region } = settings;
  if (!settings.signIn || !person) return new StreamingClient({ url, region, attempts: 1, credentials: lent });
  const { identityPoolId, userPoolId } = settings.signIn;
  const idToken = (): Promise<string> => person.idToken();
  return new StreamingClient({
    url,
    region,
    attempts: 1, // what is refused is shown, and asked again when its reader says so; a stream that broke is taken up once
    credentials: cognitoCredentials({ region, identityPoolId, userPoolId, idToken }),
    headers: async () => ({ "x-authorization": `Bearer ${await idToken()}` }), // everyone who signed in has one role: this says who it is
  });
}

/** The credentials that the server of this page lends on one's own machine. */
const lent: CredentialsProvider = async (): Promise<Credentials> => {
  const answer = await fetch(LOCAL, { method: "POST", headers: { "x-page": "chat" }, cache: "no-store" });
  if (!answer.ok) throw new Error(`The server of this page lends no credentials (HTTP ${answer.status}).`);
  return (await answer.json()) as Credentials;
};

/** The models that may be asked. */
export async function models(client: StreamingClient): Promise<string[]> {
  const listed = JSON.parse(await client.stream({ path: "/v1/models", dialect: "text" }).text()) as { data: { id: string }[] };
  return listed.data.map(({ id }) => id);
}
