package feed

import "testing"

// PageStatement is the statement that reads a page of the table.
func PageStatement(table string) string {
	return NewSource(nil, SourceOptions[struct{}]{Table: table}).page
}

// ParseCursor reads a cursor, without saying whether it is the beginning.
func ParseCursor(text string) (cursor, error) {
	c, _, err := parseCursor(text)
	return c, err
}

// MoveCursor gives a cursor of the same log at another transaction.
func MoveCursor(t testing.TB, text string, xid uint64) string {
	t.Helper()
	c, _, err := parseCursor(text)
	if err != nil {
		t.Fatal(err)
	}
	c.xid = xid
	return c.String()
}
