// Node's client loads its native part even where it is told to do without, and does not start where that was not built.
const Module = require("node:module");
const load = Module._load;
Module._load = (request, ...rest) => (request.endsWith("rapid-client.node") ? {} : load(request, ...rest));
