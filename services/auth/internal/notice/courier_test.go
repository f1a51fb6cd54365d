package notice_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// outbox is a queue in memory, on the clock of the bubble.
type outbox struct {
	mu        sync.Mutex
	jobs      map[uuid.UUID]*queued
	recipient notice.Recipient
	nobody    bool
	minted    token.Hash
}

type queued struct {
	job     notice.Job
	due     time.Time
	outcome notice.Outcome
}

func newOutbox(jobs ...notice.Job) *outbox {
	o := &outbox{jobs: map[uuid.UUID]*queued{}, recipient: notice.Recipient{Template: notice.ConfirmEmail, Address: "ada@example.com"}}
	for _, job := range jobs {
		o.add(job)
	}
	return o
}

func (o *outbox) add(job notice.Job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	job.CreatedAt = time.Now()
	o.jobs[job.ID] = &queued{job: job, due: time.Now()}
}

func (o *outbox) Claim(_ context.Context, limit int, lease time.Duration) ([]notice.Job, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var jobs []notice.Job
	for _, q := range o.jobs {
		if q.outcome == "" && !q.due.After(time.Now()) && len(jobs) < limit {
			q.due = time.Now().Add(lease)
			q.job.Attempts++
			jobs = append(jobs, q.job)
		}
	}
	return jobs, nil
}

// purposes are those of the letters that carry a token.
var purposes = map[notice.Template]token.Purpose{
	notice.ConfirmEmail: token.ConfirmEmail, notice.ResetPassword: token.ResetPassword, notice.ConfirmAddedEmail: token.ConfirmAdded,
	notice.InviteUser: token.Invitation,
}

func (o *outbox) Resolve(_ context.Context, _ notice.Job, mint notice.Mint, _ notice.Lives) (notice.Recipient, bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if purpose, ok := purposes[o.recipient.Template]; ok {
		o.minted = mint(purpose)
	}
	return o.recipient, !o.nobody, nil
}

func (o *outbox) Settle(_ context.Context, id uuid.UUID, outcome notice.Outcome) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jobs[id].outcome = outcome
	return nil
}

func (o *outbox) Postpone(_ context.Context, id uuid.UUID, wait time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jobs[id].due = time.Now().Add(wait)
	return nil
}

func (o *outbox) outcome(id uuid.UUID) notice.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.jobs[id].outcome
}

// sender fails as often as it is told.
type sender struct {
	mu      sync.Mutex
	letters []notice.Letter
	at      []time.Time
	errors  []error
}

func (s *sender) Send(_ context.Context, letter notice.Letter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, letter)
	s.at = append(s.at, time.Now())
	if n := len(s.letters); n <= len(s.errors) {
		return s.errors[n-1]
	}
	return nil
}

var links = notice.LinksAt("https://x")

func courier(o *outbox, s *sender) *notice.Courier {
	return notice.NewCourier(o, s, links, slog.New(slog.DiscardHandler))
}

func TestCourierTriesUntilItSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		job := notice.OfRegistration(uuid.Must(uuid.NewV7()))
		o := newOutbox(job)
		s := &sender{errors: []error{errors.New("down"), errors.New("down"), errors.New("down")}}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- courier(o, s).Run(ctx) }()
		<-time.After(10 * time.Minute) // on the bubble's clock
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if o.outcome(job.ID) != notice.Sent || len(s.letters) != 4 {
			t.Fatalf("after %d attempts the outcome is %q", len(s.letters), o.outcome(job.ID))
		}
		var waits []string
		for i := 1; i < len(s.at); i++ {
			waits = append(waits, s.at[i].Sub(s.at[i-1]).Round(5*time.Second).String())
		}
		if diff := cmp.Diff([]string{"10s", "30s", "1m30s"}, waits); diff != "" {
			t.Error(diff)
		}
		seen := map[string]bool{}
		for _, letter := range s.letters {
			seen[letter.Token] = true
			if letter.ID != job.ID {
				t.Errorf("an attempt has the id %s", letter.ID)
			}
		}
		if len(seen) != 4 {
			t.Error("a token was used in two attempts")
		}
	})
}

func TestCourierEndsWhatHasNoUse(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("%w: no such mailbox", notice.ErrRefused)
	for name, c := range map[string]struct {
		err     error
		nobody  bool
		age     time.Duration
		want    notice.Outcome
		letters int
	}{
		"nobody to write to": {nobody: true, want: notice.Nobody},
		"refused for good":   {err: refused, want: notice.Refused, letters: 1},
		"a day old":          {err: errors.New("down"), age: 25 * time.Hour, want: notice.Expired, letters: 1},
		"still fresh":        {err: errors.New("down"), age: 23 * time.Hour, want: "", letters: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				job := notice.ToAddress(notice.PasswordForgot, "ada@example.com")
				o := newOutbox(job)
				o.nobody = c.nobody
				s := &sender{errors: []error{c.err}}
				<-time.After(c.age) // on the bubble's clock
				if n, err := courier(o, s).Deliver(t.Context()); n != 1 || err != nil {
					t.Fatalf("Deliver = %d, %v", n, err)
				}
				if o.outcome(job.ID) != c.want || len(s.letters) != c.letters {
					t.Errorf("the outcome is %q after %d letters", o.outcome(job.ID), len(s.letters))
				}
			})
		})
	}
}

func TestLettersCarryTheLinkOfTheirPurpose(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	lives := map[notice.Template]time.Duration{
		notice.ConfirmEmail: day, notice.ConfirmAddedEmail: day, notice.ResetPassword: 30 * time.Minute, notice.InviteUser: 7 * day,
	}
	pages := map[notice.Template]string{
		notice.ConfirmEmail: links.Confirm, notice.ConfirmAddedEmail: links.ConfirmAdded, notice.InviteUser: links.Invitation, notice.Welcome: "",
	}
	for _, template := range notice.Templates() {
		o, s := newOutbox(notice.About(notice.PasswordChanged, uuid.Must(uuid.NewV7()))), &sender{}
		o.recipient.Template = template
		if _, err := courier(o, s).Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		letter := s.letters[0]
		link, special := pages[template]
		if !special {
			link = links.Reset
		}
		if purpose, ok := purposes[template]; ok {
			if _, err := token.Parse(purpose, letter.Token); err != nil || token.HashOf(letter.Token) != o.minted {
				t.Errorf("%s: the token is not the one that was kept: %+v", template, letter)
			}
			link += "#token=" + letter.Token
		} else if letter.Token != "" {
			t.Errorf("%s carries a token: %+v", template, letter)
		}
		if letter.Link != link || letter.Valid != lives[template] {
			t.Errorf("%s: %+v", template, letter)
		}
	}
}

func TestMutedLettersAreNotWritten(t *testing.T) {
	t.Parallel()
	muted, loud := notice.About(notice.PasswordChanged, uuid.Must(uuid.NewV7())), notice.About(notice.TokenReused, uuid.Must(uuid.NewV7()))
	o, s := newOutbox(muted, loud), &sender{}
	c := courier(o, s)
	c.Mute(notice.Mutable()...)
	if _, err := c.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o.outcome(muted.ID) != notice.Muted || o.outcome(loud.ID) != notice.Sent || len(s.letters) != 1 {
		t.Errorf("the outcomes are %q and %q, %d letters", o.outcome(muted.ID), o.outcome(loud.ID), len(s.letters))
	}
}

func TestANudgeIsDeliveredAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &sender{}
		c := courier(o, s)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait()
		for range 25 { // more than one batch
			o.add(notice.OfRegistration(uuid.Must(uuid.NewV7())))
		}
		start := time.Now()
		c.Nudge()
		synctest.Wait()
		if len(s.letters) != 25 || time.Since(start) != 0 {
			t.Errorf("%d letters in %s", len(s.letters), time.Since(start))
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
