// Package access says what a caller may see and do, apart from how callers prove who they are.
package access

import "github.com/google/uuid"

// Caller is who asks: a driver, a person who works for an operator, an administrator, or a service.
type Caller struct {
	ID       uuid.UUID
	Operator uuid.UUID // the operator the caller acts for, zero for none
	Admin    bool      // acts for every operator
}

// Operates tells whether the caller may act for the operator. Nobody but an administrator acts for the zero operator, which is that
// of stations whose operator is not known.
func (c Caller) Operates(operator uuid.UUID) bool {
	return c.Admin || (c.Operator != uuid.Nil && c.Operator == operator)
}

// Sees tells whether the caller may see what belongs to a driver at an operator's station.
func (c Caller) Sees(driver, operator uuid.UUID) bool {
	return (c.ID != uuid.Nil && c.ID == driver) || c.Operates(operator)
}

// Selection says which reservations or sessions a list shows, newest first; zero fields do not narrow it.
type Selection struct {
	Driver  uuid.UUID
	Station uuid.UUID
	Plot    uuid.UUID
	States  []string
	Before  uuid.UUID // only those older than this one
	Limit   int
}
