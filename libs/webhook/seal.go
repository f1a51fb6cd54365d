package webhook

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/seal"
)

// sealer keeps secrets unreadable at rest, bound to the endpoint.
type sealer struct{ box seal.Box }

func newSealer(key []byte) sealer { return sealer{seal.New(key, "webhook secrets")} }

// sealer makes one of the key as it is kept.
func (s *Store) sealer(ctx context.Context) (sealer, error) {
	if s.opt.KeyOf == nil {
		return newSealer(s.opt.Key), nil
	}
	key, err := s.opt.KeyOf(ctx)
	if err != nil {
		return sealer{}, fmt.Errorf("the key of webhooks' secrets: %w", err)
	}
	return newSealer(key), nil
}

func (s sealer) seal(endpoint uuid.UUID, secret Secret) []byte {
	return s.box.Seal(endpoint, secret.key)
}

func (s sealer) open(endpoint uuid.UUID, sealed []byte) (Secret, error) {
	key, err := s.box.Open(endpoint, sealed)
	return Secret{key}, err
}
