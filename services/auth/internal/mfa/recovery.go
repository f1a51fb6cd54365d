package mfa

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// CodeHash is what is stored of a recovery code. A code has 80 random bits, so no slow hash is needed to keep it.
type CodeHash = [sha256.Size]byte

// crockford has no letters that look like digits.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

const codeBytes = 10

// NewCodes draws recovery codes: 16 characters in groups of four, and what is stored of them.
func NewCodes() (texts []string, hashes []CodeHash) {
	for range Codes {
		var raw [codeBytes]byte
		_, _ = rand.Read(raw[:])
		code := crockford.EncodeToString(raw[:])
		texts = append(texts, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
		hashes = append(hashes, hashOfCode(code))
	}
	return texts, hashes
}

var misread = strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1")

// hashOfCode returns the hash of a code however it was typed.
func hashOfCode(text string) CodeHash {
	return sha256.Sum256([]byte("recovery code\x00" + misread.Replace(strings.ToLower(text))))
}
