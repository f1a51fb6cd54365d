package chargepoint

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Record is a command that was given to a charge point, and what came of it.
type Record struct {
	ID            uuid.UUID
	ChargePointID uuid.UUID
	Command       Command   // without tags and secrets
	AskedBy       uuid.UUID // zero: the service itself
	CreatedAt     time.Time
	AnsweredAt    time.Time // zero while nothing has come of it
	Outcome       *Outcome  // without secrets; nil without an answer
	Fault         string    // code of why there is no answer
	// Progress is OCPP's word for how far it is, where the charge point tells of it.
	Progress   string
	ProgressAt time.Time
}

// Records says which commands a list shows, newest first; zero fields do not narrow it.
type Records struct {
	ChargePoint uuid.UUID
	Kind        CommandKind
	Before      uuid.UUID // only those before this one
	Limit       int
}

type askerKey struct{}

// WithAsker says who asks for the commands that are sent with the context.
func WithAsker(ctx context.Context, asker uuid.UUID) context.Context {
	return context.WithValue(ctx, askerKey{}, asker)
}

// AskerOf gives who asks, the zero id when it is the service itself.
func AskerOf(ctx context.Context) uuid.UUID {
	asker, _ := ctx.Value(askerKey{}).(uuid.UUID)
	return asker
}

// blot stands where something was that nobody shall read.
const blot = "***"

// Redacted is the command as it may be kept: without tags and secrets.
func (c Command) Redacted() Command {
	if c.IDTag != "" {
		c.IDTag = blot
	}
	c.Variables = redacted(c.Variables)
	if c.List != nil {
		list := *c.List
		list.Entries = nil
		c.List = &list
	}
	if c.Transfer != nil {
		transfer := *c.Transfer
		transfer.URL = RedactURL(transfer.URL)
		c.Transfer = &transfer
	}
	return c
}

// Redacted is the outcome as it may be kept.
func (o Outcome) Redacted() Outcome {
	o.Variables = redacted(o.Variables)
	return o
}

func redacted(variables []Variable) []Variable {
	out := make([]Variable, len(variables))
	for i, v := range variables {
		if v.Secret() && v.Value != "" {
			v.Value = blot
		}
		out[i] = v
	}
	return out
}
