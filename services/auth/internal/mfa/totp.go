package mfa

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"image/png"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

const (
	period = 30 * time.Second
	// skew is how many steps a device's clock may be off.
	skew        = 1
	secretBytes = 20 // what RFC 4226 recommends for SHA-1, the one algorithm that every app knows
	qrPixels    = 256
)

var base32Secret = base32.StdEncoding.WithPadding(base32.NoPadding)

// Enrolment is what an app is set up with. It is shown once.
type Enrolment struct {
	App    App
	Secret string // base32, to be typed
	URI    string // otpauth://…, what the QR code says
	QR     []byte // PNG
}

// newSecret draws a secret and writes it for the app of somebody with an address.
func newSecret(issuer, address string) (secret []byte, e Enrolment, err error) {
	secret = make([]byte, secretBytes)
	_, _ = rand.Read(secret)
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: address, Secret: secret, Period: uint(period / time.Second)})
	if err != nil {
		return nil, Enrolment{}, fmt.Errorf("make the key of an authenticator app: %w", err)
	}
	picture, err := key.Image(qrPixels, qrPixels)
	if err != nil {
		return nil, Enrolment{}, fmt.Errorf("draw a QR code: %w", err)
	}
	var qr bytes.Buffer
	if err := png.Encode(&qr, picture); err != nil {
		return nil, Enrolment{}, fmt.Errorf("draw a QR code: %w", err)
	}
	return secret, Enrolment{Secret: key.Secret(), URI: key.URL(), QR: qr.Bytes()}, nil
}

// stepOf returns the time step whose code this is, or false. It compares with every step that a clock may show, so that the time
// it takes says nothing.
func stepOf(secret []byte, code string, now time.Time) (step int64, ok bool) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' {
			return -1
		}
		return r
	}, code)
	text := base32Secret.EncodeToString(secret)
	for n := -skew; n <= skew; n++ {
		at := now.Add(time.Duration(n) * period)
		want, err := totp.GenerateCodeCustom(text, at, totp.ValidateOpts{Period: uint(period / time.Second), Digits: otp.DigitsSix})
		if err != nil {
			return 0, false // a secret that is no base32, which ours cannot be
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = at.Unix()/int64(period/time.Second), true
		}
	}
	return step, ok
}
