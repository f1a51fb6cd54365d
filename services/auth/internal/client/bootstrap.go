package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// ParseBootstrap reads clients from one setting: entries separated by blanks, commas or line breaks, each
//
//	id:secret:service+service[:scope+scope]
//
// with the short names of the services that the client may call; without scopes it may read feeds. All faults are returned
// at once, and none quotes a secret.
func ParseBootstrap(setting string) ([]Client, error) {
	var clients []Client
	var faults []error
	for i, entry := range strings.FieldsFunc(setting, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }) {
		parts := strings.SplitN(entry, ":", 4)
		if len(parts) < 3 || parts[1] == "" {
			faults = append(faults, fmt.Errorf("client %d is not id:secret:service+service[:scope+scope]", i+1))
			continue
		}
		c := Client{
			ID: parts[0], Name: parts[0], SecretHash: token.HashOf(parts[1]), Audiences: strings.Split(parts[2], "+"),
			Scopes: []string{policy.FeedsRead},
		}
		if len(parts) == 4 {
			c.Scopes = strings.Split(parts[3], "+")
		}
		if err := c.Check(); err != nil {
			faults = append(faults, fmt.Errorf("client %d: %w", i+1, err))
			continue
		}
		clients = append(clients, c)
	}
	return clients, errors.Join(faults...)
}

// ShortSecrets returns the ids in a bootstrap setting whose secrets are too short for production.
func ShortSecrets(setting string) []string {
	var short []string
	for _, entry := range strings.FieldsFunc(setting, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }) {
		if parts := strings.SplitN(entry, ":", 3); len(parts) == 3 && len(parts[1]) < minSecret {
			short = append(short, parts[0])
		}
	}
	return short
}

// minSecret is the length of a secret that nobody finds by trying: 128 bits in hexadecimal.
const minSecret = 32
