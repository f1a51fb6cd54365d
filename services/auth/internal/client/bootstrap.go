package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// ParseBootstrap reads clients from one setting: entries separated by blanks, commas or line breaks, each
//
//	id:secret:service+service[:scope+scope]
//
// with the short names of the services that the client may call; without scopes it may read feeds. serviceaccount=NAMESPACE/NAME in place
// of the secret has it prove itself with the ServiceAccount token of its pod. All faults are returned
// at once, and none quotes a secret.
func ParseBootstrap(setting string) ([]Client, error) {
	var clients []Client
	var faults []error
	for n, entry := range entries(setting) {
		parts := strings.SplitN(entry, ":", 4)
		if len(parts) < 3 || parts[1] == "" {
			faults = append(faults, fmt.Errorf("client %d is not id:secret:service+service[:scope+scope]", n+1))
			continue
		}
		c := Client{
			ID: parts[0], Name: parts[0], Proof: Proof{SecretHash: token.HashOf(parts[1])}, Audiences: strings.Split(parts[2], "+"),
			Scopes: []string{policy.FeedsRead},
		}
		if account, is := strings.CutPrefix(parts[1], accountPrefix); is {
			var err error
			if c.Proof, err = ProofByAccount(account); err != nil {
				faults = append(faults, fmt.Errorf("client %d: %w", n+1, err))
				continue
			}
			if i := slices.IndexFunc(clients, func(other Client) bool { return other.ServiceAccount == account }); i >= 0 {
				faults = append(faults, fmt.Errorf("client %d: the ServiceAccount %s is that of %s", n+1, account, clients[i].ID))
				continue
			}
		}
		if len(parts) == 4 {
			c.Scopes = strings.Split(parts[3], "+")
		}
		if err := c.Check(); err != nil {
			faults = append(faults, fmt.Errorf("client %d: %w", n+1, err))
			continue
		}
		clients = append(clients, c)
	}
	return clients, errors.Join(faults...)
}

// FirstWithSecret returns the first client in a bootstrap setting that has a secret, and the first service that it may call; nothing when
// there is none.
func FirstWithSecret(setting string) (id, secret, service string) {
	for _, entry := range entries(setting) {
		if parts := strings.SplitN(entry, ":", 4); len(parts) >= 3 && !strings.HasPrefix(parts[1], accountPrefix) {
			service, _, _ = strings.Cut(parts[2], "+")
			return parts[0], parts[1], service
		}
	}
	return "", "", ""
}

// entries are the clients in a bootstrap setting.
func entries(setting string) []string {
	return strings.FieldsFunc(setting, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })
}

// ShortSecrets returns the ids in a bootstrap setting whose secrets are too short for production.
func ShortSecrets(setting string) []string {
	var short []string
	for _, entry := range entries(setting) {
		if parts := strings.SplitN(entry, ":", 3); len(parts) == 3 && len(parts[1]) < minSecret && !strings.HasPrefix(parts[1], accountPrefix) {
			short = append(short, parts[0])
		}
	}
	return short
}

// accountPrefix begins what stands in place of a secret for a client that has none.
const accountPrefix = "serviceaccount="

// minSecret is the length of a secret that nobody finds by trying: 128 bits in hexadecimal.
const minSecret = 32
