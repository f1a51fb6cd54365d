package token

// Checksum lets tests forge a token whose checksum is right.
var Checksum = checksum
