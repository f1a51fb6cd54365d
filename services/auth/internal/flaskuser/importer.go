package flaskuser

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
)

// Store keeps those who come.
type Store interface {
	// ImportedBefore returns which of the ids of a source were imported before.
	ImportedBefore(ctx context.Context, source string, ids []string) (map[string]bool, error)
	// Taken returns which keys of addresses and of usernames somebody has.
	Taken(ctx context.Context, emails, usernames []string) (takenEmails, takenUsernames map[string]bool, err error)
	// WriteImported writes accounts (Imported) and registrations (Waiting), all or none.
	WriteImported(ctx context.Context, source string, entries []Entry) error
}

// Options of an import.
type Options struct {
	Source string // by which name the old database is remembered
	Roles  Roles
	DryRun bool // judge, and write nothing
	// Each is told of everybody, in the order of ids.
	Each func(Entry) error
}

// Summary counts the outcomes.
type Summary map[Outcome]int

const batchSize = 500

// Import brings everybody over who is not here yet. What it has written stays when it fails later; importing again goes on
// where it ended and changes nothing of what is here.
func Import(ctx context.Context, source *Source, store Store, o Options) (Summary, error) {
	i := &importer{store: store, options: o, summary: Summary{}, emails: map[string]string{}, usernames: map[string]string{}}
	err := source.People(ctx, func(p Person) error {
		if i.batch = append(i.batch, judge(p, o.Roles)); len(i.batch) < batchSize {
			return nil
		}
		return i.flush(ctx)
	})
	if err != nil {
		return i.summary, err
	}
	return i.summary, i.flush(ctx)
}

type importer struct {
	store   Store
	options Options
	summary Summary
	batch   []Entry
	// Who of the source claimed an address or a username first, by its key: what differs in case or by NFKC has one key.
	emails, usernames map[string]string
}

func (i *importer) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	var ids, emails, usernames []string
	for _, e := range i.batch {
		ids = append(ids, e.SourceID)
		for _, email := range append([]account.Email{e.Email}, e.More...) {
			emails = append(emails, email.Key())
		}
		usernames = append(usernames, e.Username.Key())
	}
	before, err := i.store.ImportedBefore(ctx, i.options.Source, ids)
	if err != nil {
		return err
	}
	takenEmails, takenUsernames, err := i.store.Taken(ctx, emails, usernames)
	if err != nil {
		return err
	}
	var write []Entry
	for n := range i.batch {
		e := &i.batch[n]
		if before[e.SourceID] {
			e.Outcome, e.Notes = Already, nil
			i.claim(e)
		} else if e.Outcome == Imported || e.Outcome == Waiting {
			i.collide(e, takenEmails, takenUsernames)
		}
		if e.Outcome == Imported || e.Outcome == Waiting {
			i.claim(e)
			write = append(write, *e)
		}
	}
	if !i.options.DryRun && len(write) > 0 {
		if err := i.store.WriteImported(ctx, i.options.Source, write); err != nil {
			return err
		}
	}
	for _, e := range i.batch {
		i.summary[e.Outcome]++
		if err := i.options.Each(e); err != nil {
			return err
		}
	}
	i.batch = i.batch[:0]
	return nil
}

// collide finds out what others have. Without the address there is no account; without the username or a further address there is.
func (i *importer) collide(e *Entry, takenEmails, takenUsernames map[string]bool) {
	if first, claimed := i.emails[e.Email.Key()]; claimed {
		e.Outcome = Collision
		e.note("user %s has the same e-mail address, spelled alike but for case", first)
		return
	}
	if takenEmails[e.Email.Key()] {
		e.Outcome = Collision
		e.note("the e-mail address has an account here")
		return
	}
	more := e.More[:0]
	for _, email := range e.More {
		if _, claimed := i.emails[email.Key()]; claimed || takenEmails[email.Key()] {
			e.note("a further address is not kept: somebody else has it")
			continue
		}
		more = append(more, email)
	}
	e.More = more
	if e.Username.IsZero() {
		return
	}
	if first, claimed := i.usernames[e.Username.Key()]; claimed {
		e.note("the username is not kept: user %s has the same, spelled alike but for case or form", first)
		e.Username = account.Username{}
	} else if takenUsernames[e.Username.Key()] {
		e.note("the username is not kept: somebody here has it")
		e.Username = account.Username{}
	}
}

func (i *importer) claim(e *Entry) {
	for _, email := range append([]account.Email{e.Email}, e.More...) {
		if _, claimed := i.emails[email.Key()]; !claimed && !email.IsZero() {
			i.emails[email.Key()] = e.SourceID
		}
	}
	if _, claimed := i.usernames[e.Username.Key()]; !claimed && !e.Username.IsZero() {
		i.usernames[e.Username.Key()] = e.SourceID
	}
}
