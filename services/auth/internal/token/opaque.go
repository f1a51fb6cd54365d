// Package token makes and reads the two sorts of tokens that auth hands out.
//
// Opaque tokens (refresh tokens, the one-time tokens of mails, client secrets, API keys) are 256 random bits behind a prefix that
// names their purpose, with a checksum at the end. They are stored as a SHA-256 hash (API keys as a keyed one) and looked up by it. Because the prefix
// is hashed too, a token of one purpose is never found where another is looked for.
//
// Access tokens are RFC 9068 JWTs, minted by a Minter with the keys of package signingkey.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"strings"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Purpose is what an opaque token may be used for. It is the visible prefix of the token.
type Purpose string

// The purposes. A scanner for leaked secrets recognises them by these prefixes.
const (
	Refresh       Purpose = "ihr_rt_"
	ConfirmEmail  Purpose = "ihr_ec_"
	ConfirmAdded  Purpose = "ihr_ea_"
	ResetPassword Purpose = "ihr_pr_"
	Invitation    Purpose = "ihr_in_"
	ClientSecret  Purpose = "ihr_cs_"
	APIKey        Purpose = "ihr_ak_"
	SecondFactor  Purpose = "ihr_mf_" // a login that waits for its second factor
	Ceremony      Purpose = "ihr_wc_" // a passkey's challenge that waits for its answer
)

const (
	secretBytes  = 32
	secretDigits = 43 // base62 digits that hold 256 bits
	sumDigits    = 6  // base62 digits that hold 32 bits
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrMalformed is returned by Parse for a text that is no token of the wanted purpose.
var ErrMalformed = fault.Define(fault.Invalid, "malformed_token", "The token is malformed")

// Hash is what is stored of an opaque token: SHA-256 of its whole text.
type Hash [sha256.Size]byte

// HashOf returns the hash of any secret text.
func HashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// String is for logs and tests: the first bytes of the hash, of no use to anyone.
func (h Hash) String() string { return hex.EncodeToString(h[:4]) + "…" }

// New makes a token of 256 random bits.
func New(purpose Purpose) string {
	var secret [secretBytes]byte
	_, _ = rand.Read(secret[:]) // crypto/rand.Read never fails: it ends the process instead
	body := string(purpose) + base62(new(big.Int).SetBytes(secret[:]), secretDigits)
	return body + checksum(body)
}

// Parse returns the hash under which a token of the purpose is stored, or ErrMalformed. The check is exact: one character
// more, less or different is another token, and nothing that is malformed costs a query.
func Parse(purpose Purpose, text string) (Hash, error) {
	if len(text) != len(purpose)+secretDigits+sumDigits || !strings.HasPrefix(text, string(purpose)) {
		return Hash{}, ErrMalformed
	}
	body, sum := text[:len(text)-sumDigits], text[len(text)-sumDigits:]
	if checksum(body) != sum || !canonical(body[len(purpose):]) {
		return Hash{}, ErrMalformed
	}
	return HashOf(text), nil
}

// checksum tells a mistyped token from an unknown one without a query. It protects nothing.
func checksum(body string) string {
	return base62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))), sumDigits)
}

// canonical reports whether the digits are the one spelling of at most 256 bits.
func canonical(digits string) bool {
	n := new(big.Int)
	radix := big.NewInt(int64(len(alphabet)))
	for i := range len(digits) {
		at := strings.IndexByte(alphabet, digits[i])
		if at < 0 {
			return false
		}
		n.Add(n.Mul(n, radix), big.NewInt(int64(at)))
	}
	return n.BitLen() <= secretBytes*8
}

// base62 writes n with leading zeros to the given width.
func base62(n *big.Int, width int) string {
	out := make([]byte, width)
	radix, digit := big.NewInt(int64(len(alphabet))), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, radix, digit)
		out[i] = alphabet[digit.Int64()]
	}
	return string(out)
}
