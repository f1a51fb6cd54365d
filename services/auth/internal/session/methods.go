package session

import "slices"

// Methods are the ways in which somebody proved who they are, in the words of RFC 8176: the `amr` of a token.
type Methods []string

// The methods.
const (
	ByPassword    = "pwd"
	ByOneTimeCode = "otp" // also a recovery code, and the token of a mailed link
	ByHardwareKey = "hwk" // a passkey bound to one device
	BySoftwareKey = "swk" // a passkey that is synchronised
	ByTwoFactors  = "mfa" // two factors, or a passkey that verified its user
)

// The levels of assurance: the `acr` of a token, after the authenticator assurance levels of NIST SP 800-63B.
const (
	OneFactor  = "aal1"
	TwoFactors = "aal2"
)

// Level is TwoFactors when the methods say so, or name two of different kinds.
func (m Methods) Level() string {
	password, possession := slices.Contains(m, ByPassword), slices.ContainsFunc(m, func(method string) bool {
		return method == ByOneTimeCode || method == ByHardwareKey || method == BySoftwareKey
	})
	if slices.Contains(m, ByTwoFactors) || password && possession {
		return TwoFactors
	}
	return OneFactor
}
