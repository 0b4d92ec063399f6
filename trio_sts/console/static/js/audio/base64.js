// Bytes and base64, as the frames of a call have them. Pure.

export function encode(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text);
}

export function decode(text) {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
