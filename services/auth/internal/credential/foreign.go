package credential

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm"
)

// Foreign is a password hash that another program made: one of the schemes of Python's passlib that Flask-User could be
// configured with. It is compared until its owner logs in once, and is replaced by our own then.
type Foreign struct {
	Scheme string
	digest algorithm.Digest
}

// The costs that a foreign hash may ask for, which is what its work takes of a login. Passlib's defaults are far below.
var mostRounds = map[string]int{
	"bcrypt": 16, "bcrypt_sha256": 16, "pbkdf2_sha256": 2_000_000, "pbkdf2_sha512": 1_000_000, "sha512_crypt": 2_000_000, "sha256_crypt": 2_000_000,
}

var foreignForms = []struct {
	scheme string
	form   *regexp.Regexp // the first group is the rounds
}{
	{"bcrypt", regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)},
	{"bcrypt_sha256", regexp.MustCompile(`^\$bcrypt-sha256\$v=2,t=2b,r=([0-9]{1,2})\$[./A-Za-z0-9]{22}\$[./A-Za-z0-9]{31}$`)},
	{"pbkdf2_sha256", regexp.MustCompile(`^\$pbkdf2-sha256\$([0-9]{1,8})\$[./A-Za-z0-9]{1,200}\$[./A-Za-z0-9]{43}$`)},
	{"pbkdf2_sha512", regexp.MustCompile(`^\$pbkdf2-sha512\$([0-9]{1,8})\$[./A-Za-z0-9]{1,200}\$[./A-Za-z0-9]{86}$`)},
	{"sha512_crypt", regexp.MustCompile(`^\$6\$(?:rounds=([0-9]{1,8})\$)?[./A-Za-z0-9]{0,16}\$[./A-Za-z0-9]{86}$`)},
	{"sha256_crypt", regexp.MustCompile(`^\$5\$(?:rounds=([0-9]{1,8})\$)?[./A-Za-z0-9]{0,16}\$[./A-Za-z0-9]{43}$`)},
}

var argon2Form = regexp.MustCompile(`^\$argon2(?:id|i)\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,2})\$[+/A-Za-z0-9]{8,100}\$[+/A-Za-z0-9]{16,100}$`)

// ParseForeign reads a hash of one of passlib's schemes. It returns an error, which does not quote the hash, for other schemes and
// for costs beyond what a login may take.
func ParseForeign(hash string) (Foreign, error) {
	scheme, err := schemeOf(hash)
	if err != nil {
		return Foreign{}, err
	}
	digest, err := crypt.Decode(hash)
	if err != nil {
		return Foreign{}, fmt.Errorf("%s: not a hash that we can read", scheme)
	}
	return Foreign{Scheme: scheme, digest: digest}, nil
}

func schemeOf(hash string) (string, error) {
	if m := argon2Form.FindStringSubmatch(hash); m != nil {
		memory, passes, lanes := number(m[1]), number(m[2]), number(m[3])
		if memory < 8 || memory > maxMemoryKiB || passes < 1 || passes > maxPasses || lanes < 1 || lanes > maxLanes {
			return "", fmt.Errorf("argon2: the costs m=%d,t=%d,p=%d are beyond what a login may take", memory, passes, lanes)
		}
		return "argon2", nil
	}
	for _, f := range foreignForms {
		m := f.form.FindStringSubmatch(hash)
		if m == nil {
			continue
		}
		if rounds := number(m[1]); rounds > mostRounds[f.scheme] {
			return "", fmt.Errorf("%s: %d rounds are beyond what a login may take", f.scheme, rounds)
		}
		return f.scheme, nil
	}
	return "", errHash
}

// matches reports whether the password has the hash. Passlib hashed passwords as they were typed.
func (f Foreign) matches(password string) bool {
	if f.Scheme == "bcrypt" && len(password) > bcryptBytes {
		password = password[:bcryptBytes] // as passlib did: bcrypt sees no more
	}
	return f.digest.Match(password)
}

const bcryptBytes = 72

func number(text string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(text, "0")) // the forms hold digits alone; none is zero
	return n
}

// Unusable returns the hash of no password, in the form and with the costs of a fresh one.
func Unusable() string { return unusable(DefaultParams) }

func unusable(params Params) string {
	var random [saltBytes + sumBytes]byte
	_, _ = rand.Read(random[:])
	return encode(params, random[:saltBytes], random[saltBytes:])
}
