package roaming

import (
	"time"

	"github.com/google/uuid"
)

// Push is something that a partner is to be told.
type Push struct {
	Partner  uuid.UUID
	Kind     PushKind
	Object   uuid.UUID
	Revision int64 // what is told is at least this one
	Tries    int   // in vain so far
}

// PushKind is what a push is about.
type PushKind string

// The kinds of pushes. A charge's bill is told after where the charge stands.
const (
	PushSession PushKind = "SESSION"
	PushCDR     PushKind = "CDR"
)

// MostTries is how often a partner is told something in vain, over a day and a half; then it is left to read the lists.
const MostTries = 40

// Retry says when what was told in vain is told again, zero when it is not: after 5 s first, twice as long each time, each hour in the end.
func (p Push) Retry(now time.Time) time.Time {
	if p.Tries+1 >= MostTries {
		return time.Time{}
	}
	return now.Add(min(time.Hour, 5*time.Second<<min(p.Tries, 10)))
}

// Endpoint gives where a partner has a module, "" when it has none.
func (p Partner) Endpoint(identifier, role string) string {
	for _, e := range p.Endpoints {
		if e.Identifier == identifier && e.Role == role {
			return e.URL
		}
	}
	return ""
}
