package postgres

import (
	"database/sql/driver"
	"fmt"
)

// JSON is a document of a jsonb column, NULL when it is nil. As []byte it would be sent as if it were jsonb's own binary form.
type JSON []byte

// Value implements driver.Valuer.
func (j JSON) Value() (driver.Value, error) {
	if j == nil {
		return nil, nil //nolint:nilnil // NULL
	}
	return string(j), nil
}

// Scan implements sql.Scanner. It copies, since the driver keeps what it gives.
func (j *JSON) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*j = nil
	case []byte:
		*j = append(JSON{}, v...)
	case string:
		*j = JSON(v)
	default:
		return fmt.Errorf("a JSON document cannot be read from %T", value)
	}
	return nil
}
