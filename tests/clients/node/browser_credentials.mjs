// Whose signature the browser's module puts under requests, and when it asks for it: prints what it found as JSON.
//
//   node browser_credentials.mjs DIST [COGNITO_ENDPOINT IDENTITY_POOL_ID USER_POOL_ID]

const [dist, endpoint, identityPoolId, userPoolId] = process.argv.slice(2);
const { StreamingClient, cognitoCredentials } = await import(`${dist}/index.js`);

const URL_ = "https://abc.lambda-url.eu-west-1.on.aws/";
const inMinutes = (minutes) => new Date(Date.now() + minutes * 60_000);

/** The key under each of `calls` requests, made `together` or one after another, and how often the provider was asked. */
const signedBy = async (give, calls, together = false) => {
  const keys = [];
  let asked = 0;
  const client = new StreamingClient({
    url: URL_,
    attempts: 1,
    credentials: async () => {
      const given = await give(++asked);
      return { accessKeyId: `key${asked}`, secretAccessKey: "secret", ...given };
    },
    fetch: async (url, { headers }) => {
      keys.push(headers.get("authorization").match(/Credential=([^/]*)/)[1]);
      return new Response("");
    },
  });
  const one = () => client.stream().text().catch((error) => keys.push(error.message)); // prettier-ignore
  if (together) await Promise.all(Array.from({ length: calls }, one));
  else for (let call = 0; call < calls; call++) await one();
  return { keys, asked };
};

const found = {
  lasting: await signedBy(() => ({}), 3),
  fresh: await signedBy(() => ({ expiration: inMinutes(5.5) }), 3),
  expiring: await signedBy(() => ({ expiration: inMinutes(4.9) }), 3),
  together: await signedBy(() => ({ expiration: inMinutes(60) }), 5, true),
  failing: await signedBy((time) => (time === 1 ? Promise.reject(new Error("no token")) : {}), 3),
};

const cognito = async (options) => {
  const asked = [];
  const noted = async (url, init) => {
    asked.push({ url: String(url), ...init, headers: Object.fromEntries(new Headers(init.headers)) });
    return (options.fetch ?? fetch)(url, init);
  };
  const give = cognitoCredentials({
    region: "us-east-1", identityPoolId: "us-east-1:1", userPoolId: "us-east-1_abc", idToken: async () => "id.token.x", ...options, fetch: noted,
  }); // prettier-ignore
  try {
    return { given: await give(), asked };
  } catch ({ name, code, message }) {
    return { error: { name, code, message }, asked };
  }
};

found.refused = await cognito({
  fetch: async () => new Response(JSON.stringify({ __type: "NotAuthorizedException", message: "Token is expired." }), { status: 400 }),
});
if (endpoint) found.cognito = await cognito({ endpoint, identityPoolId, userPoolId });
process.stdout.write(JSON.stringify(found));
