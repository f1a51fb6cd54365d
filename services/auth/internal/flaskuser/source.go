package flaskuser

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Source is an old database.
type Source struct {
	db      *sql.DB
	names   Names
	columns []string // of users: ours of Flask-User's that it has
}

// columns are those of Flask-User's users that an import reads. The first two are indispensable.
var columns = []string{"id", "password", "email", "email_confirmed_at", "username", "active", "first_name", "last_name"}

func isColumn(name string) bool { return slices.Contains(columns, name) }

// NewSource looks at the tables. It returns an error that names the table or column that is missing.
func NewSource(ctx context.Context, db *sql.DB, names Names) (*Source, error) {
	if err := names.Check(); err != nil {
		return nil, err
	}
	s := &Source{db: db, names: names}
	there, err := s.columnsOf(ctx, names.Users)
	if err != nil {
		return nil, err
	}
	for i, column := range columns {
		own := s.own(column)
		if column == "active" && names.Columns[column] == "" && !slices.Contains(there, own) {
			if slices.Contains(there, "is_active") { // as in Flask-User's starter app
				s.names.Columns["active"], own = "is_active", "is_active"
			}
		}
		if slices.Contains(there, own) {
			s.columns = append(s.columns, column)
		} else if i < 2 || names.Columns[column] != "" {
			return nil, fmt.Errorf("the table %s has no column %s; it has %s", names.Users, own, strings.Join(there, ", "))
		}
	}
	return s, nil
}

func (s *Source) own(column string) string {
	if name := s.names.Columns[column]; name != "" {
		return name
	}
	return column
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, ".", `"."`) + `"` }

func (s *Source) columnsOf(ctx context.Context, table string) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT * FROM `+quoted(table)+` WHERE 1 = 0`) //nolint:gosec // Check has seen the name
	if err != nil {
		return nil, fmt.Errorf("the table %s: %w", table, err)
	}
	defer rows.Close()
	there, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("the table %s: %w", table, err)
	}
	return there, rows.Err()
}

// Count returns how many people there are.
func (s *Source) Count(ctx context.Context) (n int, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FROM `+quoted(s.names.Users)).Scan(&n)
	return n, err
}

// People calls each for everybody, in the order of ids: who was there first keeps what two claim.
func (s *Source) People(ctx context.Context, each func(Person) error) error {
	roles, err := s.roles(ctx)
	if err != nil {
		return err
	}
	emails, err := s.emails(ctx)
	if err != nil {
		return err
	}
	list := make([]string, len(s.columns))
	for i, column := range s.columns {
		list[i] = quoted(s.own(column))
	}
	rows, err := s.db.QueryContext(ctx, `SELECT `+strings.Join(list, ", ")+` FROM `+quoted(s.names.Users)+` ORDER BY `+list[0]) //nolint:gosec // Check has seen the names
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	defer rows.Close()
	values := make([]any, len(list))
	into := make([]any, len(list))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read a person: %w", err)
		}
		p := Person{Active: true}
		var first, last string
		for i, column := range s.columns {
			switch v := values[i]; column {
			case "id":
				p.ID = text(v)
			case "password":
				p.Password = text(v)
			case "email":
				p.Email = text(v)
			case "email_confirmed_at":
				p.Confirmed = v != nil && text(v) != ""
			case "username":
				p.Username = text(v)
			case "active":
				p.Active = truth(v)
			case "first_name":
				first = text(v)
			case "last_name":
				last = text(v)
			}
		}
		p.Name = strings.TrimSpace(first + " " + last)
		p.Roles, p.Emails = roles[p.ID], emails[p.ID]
		if err := each(p); err != nil {
			return err
		}
	}
	return rows.Err()
}

// roles returns the names of everybody's roles; none when there are no such tables.
func (s *Source) roles(ctx context.Context) (map[string][]string, error) {
	of := map[string][]string{}
	if _, err := s.columnsOf(ctx, s.names.UserRoles); err != nil {
		return of, nil
	}
	rows, err := s.db.QueryContext(ctx, `SELECT ur.user_id, r.name FROM `+quoted(s.names.UserRoles)+` ur JOIN `+quoted(s.names.Roles)+` r ON r.id = ur.role_id ORDER BY ur.id`) //nolint:gosec // Check has seen the names
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var user, name any
		if err := rows.Scan(&user, &name); err != nil {
			return nil, fmt.Errorf("read a role: %w", err)
		}
		of[text(user)] = append(of[text(user)], text(name))
	}
	return of, rows.Err()
}

// emails returns everybody's addresses of user_emails; none when there is no such table.
func (s *Source) emails(ctx context.Context) (map[string][]Email, error) {
	of := map[string][]Email{}
	if _, err := s.columnsOf(ctx, s.names.UserEmails); err != nil {
		return of, nil
	}
	rows, err := s.db.QueryContext(ctx, `SELECT user_id, email, email_confirmed_at, is_primary FROM `+quoted(s.names.UserEmails)+` ORDER BY id`) //nolint:gosec // Check has seen the name
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var user, address, confirmed, primary any
		if err := rows.Scan(&user, &address, &confirmed, &primary); err != nil {
			return nil, fmt.Errorf("read an address: %w", err)
		}
		of[text(user)] = append(of[text(user)], Email{Address: text(address), Confirmed: confirmed != nil && text(confirmed) != "", Primary: truth(primary)})
	}
	return of, rows.Err()
}

// text is a value as the drivers of SQLite and Postgres give it, written out.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// truth reads a boolean, which SQLite keeps as a number.
func truth(v any) bool {
	switch strings.ToLower(text(v)) {
	case "1", "t", "true", "y", "yes":
		return true
	}
	return false
}
