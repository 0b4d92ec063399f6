'use strict';

// What the tools use of axios, so that the tests need no packages of Node.js.

async function request(method, url, data, { headers = {}, params = {} } = {}) {
  const target = new URL(url);
  Object.entries(params).forEach(([name, value]) => target.searchParams.set(name, value));
  const answer = await fetch(target, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: data === undefined ? undefined : JSON.stringify(data),
  });
  const response = { status: answer.status, data: await answer.json() };
  if (!answer.ok) {
    const error = new Error(`Request failed with status code ${answer.status}`);
    throw Object.assign(error, { response });
  }
  return response;
}

exports.get = (url, config) => request('GET', url, undefined, config);
exports.post = (url, data, config) => request('POST', url, data, config);
