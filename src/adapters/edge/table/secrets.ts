/**
 * Compression tells by an answer's length what in it is alike. Where an attacker may have his own words in an answer beside a secret
 * of its reader, he can guess it letter by letter, over TLS too: BREACH (Gluck, Harris, Prado, 2013; CVE-2013-3587). So what a
 * client asks over TLS with a Cookie or Authorization, and so who he is, is not compressed, by the edge or the app, unless it
 * is one of the files that pages are made of, by its path. Who brings neither can only get secrets made for this one answer.
 */
export const filePathPattern = "[.](css|js|mjs|map|svg|wasm|webmanifest|ttf|otf|ico)$";
