package session

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
)

// BeginByLink begins a session of an account for whoever has just used a mailed link of it, who proved no more than the method.
// It begins none, and reports false, when the account has a second factor, is switched off, or has changed in the same moment.
func (s *Service) BeginByLink(ctx context.Context, account uuid.UUID, method string, from caller.Caller) (Tokens, bool, error) {
	candidate, err := s.second.FindByAccount(ctx, account, from.Network)
	if err != nil || candidate.Account == uuid.Nil || candidate.Disabled || candidate.needsMore() {
		return Tokens{}, false, err
	}
	tokens, err := s.begin(ctx, Attempt{From: from}, candidate, beginning{methods: Methods{method}})
	if errors.Is(err, ErrCredentials) {
		return Tokens{}, false, nil
	}
	return tokens, err == nil, err
}
