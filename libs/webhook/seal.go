package webhook

import (
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/seal"
)

// sealer keeps secrets unreadable at rest, bound to the endpoint.
type sealer struct{ box seal.Box }

func newSealer(key []byte) sealer { return sealer{seal.New(key, "webhook secrets")} }

func (s sealer) seal(endpoint uuid.UUID, secret Secret) []byte {
	return s.box.Seal(endpoint, secret.key)
}

func (s sealer) open(endpoint uuid.UUID, sealed []byte) (Secret, error) {
	key, err := s.box.Open(endpoint, sealed)
	return Secret{key}, err
}
