package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The headers of a message.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

const (
	secretPrefix    = "whsec_"
	secretBytes     = 32
	minSecretBytes  = 24
	maxSecretBytes  = 64
	signatureScheme = "v1,"
)

// Tolerance is how far a message's time may be from the receiver's.
const Tolerance = 5 * time.Minute

// The faults of a message that is checked.
var (
	// ErrSecret says that a text is not a secret: whsec_ and 24 to 64 bytes in base64.
	ErrSecret = fault.Define(fault.Invalid, "bad_webhook_secret", "This is not a webhook secret")
	// ErrSignature says that a message is not from who it claims, or not as it was sent.
	ErrSignature = fault.Define(fault.Unauthenticated, "bad_webhook_signature", "The webhook's signature does not hold")
	// ErrTimestamp says that a message is too old, or of the future: it may be a replay.
	ErrTimestamp = fault.Define(fault.Unauthenticated, "bad_webhook_timestamp", "The webhook's timestamp is too far from now")
)

// Secret is what a message is signed with.
type Secret struct{ key []byte }

// NewSecret makes one.
func NewSecret() Secret {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails
	return Secret{key}
}

// ParseSecret reads what Reveal wrote. It returns ErrSecret.
func ParseSecret(s string) (Secret, error) {
	encoded, found := strings.CutPrefix(s, secretPrefix)
	if !found {
		return Secret{}, ErrSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") || len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return Secret{}, ErrSecret
	}
	return Secret{key}, nil
}

// Reveal writes the secret out, for its owner.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// String hides the secret from logs.
func (Secret) String() string { return secretPrefix + "***" }

// GoString hides the secret from logs.
func (s Secret) GoString() string { return s.String() }

func (s Secret) sign(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Sign puts the three headers on a message, with a signature by each secret.
func Sign(header http.Header, id string, at time.Time, body []byte, secrets ...Secret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		signatures[i] = signatureScheme + base64.StdEncoding.EncodeToString(s.sign(id, timestamp, body))
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(signatures, " "))
}

// Verify checks a message that has come: its time must be within Tolerance of now, and one of its signatures by one of the
// secrets. It returns ErrTimestamp or ErrSignature.
func Verify(header http.Header, body []byte, now time.Time, secrets ...Secret) error {
	id, timestamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return ErrSignature
	}
	if at := time.Unix(seconds, 0); at.Before(now.Add(-Tolerance)) || at.After(now.Add(Tolerance)) {
		return ErrTimestamp
	}
	for given := range strings.FieldsSeq(header.Get(HeaderSignature)) {
		encoded, known := strings.CutPrefix(given, signatureScheme)
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if !known || err != nil {
			continue // a scheme of the future, or nothing at all
		}
		for _, s := range secrets {
			if subtle.ConstantTimeCompare(signature, s.sign(id, timestamp, body)) == 1 {
				return nil
			}
		}
	}
	return ErrSignature
}
