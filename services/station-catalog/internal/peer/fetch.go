// Package peer brings in files of stations that stand elsewhere: one behind a URL, or the pages of an OCPI peer. And it asks charging-plot
// what that alone knows of a station.
//
// Files come from public addresses alone. A file is staged as it arrives, as that of an upload is, and one that breaks off is asked for
// from there on when its ETag says that it is still the same; one whose fetching ends with the process that did it fails, and is
// asked for again.
package peer

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// The faults of fetching.
var (
	// ErrBusy says that enough files are being fetched already.
	ErrBusy = fault.Define(fault.Unavailable, "too_many_fetches", "Too many files are being fetched").After(time.Minute)
	// ErrAnswer says that the other side gave no file.
	ErrAnswer = fault.Define(fault.Unprocessable, "no_file", "The other side did not send a file")
)

const (
	// waiting is how many files may wait to be fetched.
	waiting = 32
	// patience is how long one file, or one page, may take.
	patience = time.Hour
	// mostBytes is the largest file, or page.
	mostBytes = 2 << 30
	// mostPages ends a peer that always has another page.
	mostPages = 100_000
	redirects = 3
)

// Order is a file that is to be fetched.
type Order struct {
	Import transfer.Import
	URL    string
	// Token is what a peer knows us by; it is sent to the URL's own origin only, and kept in memory alone.
	Token string
}

// Fetcher fetches files, one at a time.
type Fetcher struct {
	client    *http.Client
	guard     *publichttp.Guard
	store     transfer.Store
	formats   map[string]transfer.Format
	submitted func()
	log       *slog.Logger
	orders    chan Order
}

// New makes a fetcher; submitted is called when an import waits for a worker.
func New(guard *publichttp.Guard, store transfer.Store, formats map[string]transfer.Format, submitted func(), log *slog.Logger) *Fetcher {
	return &Fetcher{
		client: publichttp.New(publichttp.Config{
			Guard: guard, Timeout: patience, MaxResponse: mostBytes, Redirects: redirects, UserAgent: "ihr-charging-plot-import",
		}),
		guard: guard, store: store, formats: formats, submitted: submitted, log: log, orders: make(chan Order, waiting),
	}
}

// Check says what is wrong with a URL, before anything is fetched from it.
func (f *Fetcher) Check(target string) error {
	_, err := f.guard.CheckURL(target)
	return err
}

// Submit takes an order, whose import exists, or returns ErrBusy.
func (f *Fetcher) Submit(o Order) error {
	select {
	case f.orders <- o:
		return nil
	default:
		return ErrBusy
	}
}

// Run fetches until ctx ends. What has not been fetched by then has failed, and says so.
func (f *Fetcher) Run(ctx context.Context) error {
	for {
		select {
		case o := <-f.orders:
			f.fetch(ctx, o)
		case <-ctx.Done():
			for {
				select {
				case o := <-f.orders:
					f.fail(ctx, o, ctx.Err())
				default:
					return nil
				}
			}
		}
	}
}

func (f *Fetcher) fetch(ctx context.Context, o Order) {
	pages := &pages{ctx: ctx, fetcher: f, order: o, next: o.URL}
	err := transfer.Receive(ctx, f.store, f.formats[o.Import.Format], o.Import, pages, nil)
	if err == nil && pages.n == 0 {
		err = ErrAnswer.Detailf("the file is empty")
	}
	if err == nil {
		err = f.store.Submit(ctx, o.Import.ID)
	}
	err = errors.Join(err, pages.close())
	if err != nil {
		f.fail(ctx, o, err)
		return
	}
	f.submitted()
}

// fail says why there is no file. The service may be stopping, and the import is to say why it failed.
func (f *Fetcher) fail(ctx context.Context, o Order, cause error) {
	f.log.WarnContext(ctx, "a file was not fetched", "import_id", o.Import.ID, "error", cause)
	message := transfer.Message(cause)
	if errors.Is(cause, context.Canceled) {
		message = "the service was stopped while it fetched the file; ask again"
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := f.store.Finish(stop, o.Import.ID, message); err != nil {
		f.log.ErrorContext(ctx, "the failure of an import was not recorded", "import_id", o.Import.ID, "error", err)
	}
}

// pages reads the pages of an answer behind each other. A file has one.
type pages struct {
	ctx     context.Context //nolint:containedctx // an io.Reader is given no other
	fetcher *Fetcher
	order   Order
	next    string
	count   int
	body    io.ReadCloser
	n       int64

	// The page in hand: where it is, what it is, and how much of it was read.
	url string
	tag string
	at  int64
}

func (p *pages) Read(buffer []byte) (int, error) {
	for {
		if p.body == nil {
			if p.next == "" {
				return 0, io.EOF
			}
			if err := p.open(); err != nil {
				return 0, err
			}
		}
		n, err := p.body.Read(buffer)
		p.n, p.at = p.n+int64(n), p.at+int64(n)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			err = p.close()
		case p.tag != "" && !errors.Is(err, publichttp.ErrTooLarge) && p.ctx.Err() == nil:
			err = p.resume()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (p *pages) close() error {
	if p.body == nil {
		return nil
	}
	err := p.body.Close()
	p.body = nil
	return err
}

// open asks for the next page.
func (p *pages) open() error {
	if p.count++; p.count > mostPages {
		return ErrAnswer.Detailf("the other side has more than %d pages", mostPages)
	}
	p.url, p.tag, p.at = p.next, "", 0
	answer, err := p.persist() //nolint:bodyclose // the body is read and closed by Read
	if err != nil {
		return err
	}
	p.body, p.next = answer.Body, p.follow(answer)
	if tag := answer.Header.Get("ETag"); !strings.HasPrefix(tag, "W/") { // a weak one does not promise the same bytes
		p.tag = tag
	}
	return nil
}

// resume goes on with a page that broke off, if it is still the same.
func (p *pages) resume() error {
	if err := p.close(); err != nil {
		return err
	}
	if p.at > mostBytes {
		return publichttp.ErrTooLarge
	}
	answer, err := p.persist() //nolint:bodyclose // the body is read and closed by Read
	if err != nil {
		return err
	}
	p.body = answer.Body
	if !strings.HasPrefix(answer.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(p.at, 10)+"-") || answer.StatusCode != http.StatusPartialContent {
		return errors.Join(ErrAnswer.Detailf("the file broke off at %d bytes, and the other side does not go on from there with the same one", p.at), p.close())
	}
	return nil
}

// persist asks for the page in hand, again when the first tries fail for a passing reason.
func (p *pages) persist() (*http.Response, error) {
	const tries = 3
	for try := 1; ; try++ {
		answer, err := p.ask()
		if err == nil {
			return answer, nil
		}
		kind := fault.Of(err).Kind()
		if try == tries || kind != fault.Unavailable && kind != fault.Internal && kind != fault.Timeout || p.ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(time.Duration(try*try) * time.Second):
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		}
	}
}

var errAway = fault.Define(fault.Unavailable, "peer_away", "The other side does not answer for now")

func (p *pages) ask() (*http.Response, error) {
	request, err := http.NewRequestWithContext(p.ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, publichttp.ErrURL.Because(err)
	}
	if p.order.Token != "" && sameOrigin(p.url, p.order.URL) {
		// OCPI 2.2.1, 4.2.1: the token is sent in base64.
		request.Header.Set("Authorization", "Token "+base64.StdEncoding.EncodeToString([]byte(p.order.Token)))
	}
	if p.at > 0 {
		request.Header.Set("Range", "bytes="+strconv.FormatInt(p.at, 10)+"-")
		request.Header.Set("If-Range", p.tag)
	}
	answer, err := p.fetcher.client.Do(request)
	if err != nil {
		if errors.Is(err, publichttp.ErrForbidden) || errors.Is(err, publichttp.ErrURL) || errors.Is(err, publichttp.ErrTooLarge) || p.ctx.Err() != nil {
			return nil, err
		}
		return nil, errAway.Detailf("the other side cannot be reached").Because(err)
	}
	switch {
	case answer.StatusCode == http.StatusOK, answer.StatusCode == http.StatusPartialContent && p.at > 0:
		return answer, nil
	case answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests:
		err = errAway.Detailf("the other side answered with status %d", answer.StatusCode)
	default:
		err = ErrAnswer.Detailf("the other side answered with status %d", answer.StatusCode)
	}
	return nil, errors.Join(err, answer.Body.Close())
}

// follow gives the next page that the answer names: an absolute or relative link of relation "next".
func (p *pages) follow(answer *http.Response) string {
	for _, header := range answer.Header.Values("Link") {
		for link := range strings.SplitSeq(header, ",") {
			target, parameters, _ := strings.Cut(strings.TrimSpace(link), ">")
			_, values, err := mime.ParseMediaType("link" + parameters)
			if err != nil || values["rel"] != "next" || !strings.HasPrefix(target, "<") {
				continue
			}
			next, err := answer.Request.URL.Parse(target[1:])
			if err != nil || next.String() == p.url {
				continue
			}
			return next.String()
		}
	}
	return ""
}

func sameOrigin(a, b string) bool {
	first, errA := url.Parse(a)
	second, errB := url.Parse(b)
	return errA == nil && errB == nil && first.Scheme == second.Scheme && first.Host == second.Host
}

// Since gives the URL of an OCPI peer's objects that were changed since a time.
func Since(target string, from time.Time) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", publichttp.ErrURL.Because(err)
	}
	query := u.Query()
	query.Set("date_from", from.UTC().Format(time.RFC3339))
	u.RawQuery = query.Encode()
	return u.String(), nil
}
