import type { CredentialsProvider } from "./credentials.ts";
import { asObject, asText } from "./dialects/reader.ts";
import { StreamingError } from "./errors.ts";

/**
 * Credentials of a person who signed in at a user pool, by the identity pool's enhanced flow (`BrowserIdentity` makes both
 * pools).
 *
 * Source: https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flow.html
 */
export const cognitoCredentials = ({
  region,
  identityPoolId,
  userPoolId,
  idToken,
  endpoint = `https://cognito-identity.${region}.amazonaws.com/`,
  fetch: request = fetch,
}: {
  region: string;
  identityPoolId: string;
  userPoolId: string;
  /** The user pool's ID token, fresh: asked for at each turn. */
  idToken: () => Promise<string>;
  /** Default: the region's own. */
  endpoint?: string;
  fetch?: typeof globalThis.fetch;
}): CredentialsProvider => {
  const ask = async (action: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await request(endpoint, {
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": `AWSCognitoIdentityService.${action}` },
      body: JSON.stringify(body),
      cache: "no-store",
    });
    const said = asObject(await answer.json());
    if (!answer.ok) {
      const code = asText(said.__type) || `HTTP_${answer.status}`;
      throw new StreamingError(code, `Cognito refused ${action}: ${asText(said.message)}`);
    }
    return said;
  };
  return async () => {
    const Logins = { [`cognito-idp.${region}.amazonaws.com/${userPoolId}`]: await idToken() };
    const { IdentityId } = await ask("GetId", { IdentityPoolId: identityPoolId, Logins });
    const given = asObject((await ask("GetCredentialsForIdentity", { IdentityId, Logins })).Credentials);
    return {
      accessKeyId: asText(given.AccessKeyId),
      secretAccessKey: asText(given.SecretKey),
      sessionToken: asText(given.SessionToken),
      expiration: new Date((given.Expiration as number) * 1000),
    };
  };
};
