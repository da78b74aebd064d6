// What the guide's examples find around them in a page: the stack's config, a person who is signed in, and Cognito, here one that gives the
// credentials of the AWS environment variables. Written before each example by test_browser_docs.py.

const env = process.env;
const onward = globalThis.fetch;
globalThis.fetch = async (url, init) => {
  if (!String(url).startsWith("https://cognito-identity.")) return onward(url, init);
  const Credentials = {
    AccessKeyId: env.AWS_ACCESS_KEY_ID,
    SecretKey: env.AWS_SECRET_ACCESS_KEY,
    SessionToken: env.AWS_SESSION_TOKEN ?? "",
    Expiration: Date.now() / 1000 + 3600,
  };
  return Response.json({ IdentityId: "eu-west-1:1", Credentials });
};
globalThis.config = {
  url: env.STREAM_URL,
  region: env.AWS_REGION,
  identityPoolId: "eu-west-1:1",
  userPoolId: "eu-west-1_1",
  userPoolClientId: "c",
};
globalThis.idToken = async () => "id.token.x";
globalThis.show = (text) => process.stdout.write(text);
globalThis.stopButton = new EventTarget();
globalThis.sessionStorage = new Map();
sessionStorage.setItem = sessionStorage.set;
sessionStorage.getItem = (name) => sessionStorage.get(name) ?? null;
sessionStorage.removeItem = sessionStorage.delete;
