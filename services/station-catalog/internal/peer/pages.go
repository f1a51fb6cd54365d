package peer

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
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

// pages brings in the pages of an order behind each other. What is here of it, and where it goes on, is stored with each part.
type pages struct {
	fetcher *Fetcher
	order   *Order
	token   string
}

// bring brings in the page in hand, or what is not here of it, and turns to the next.
func (p *pages) bring(ctx context.Context) error {
	body, err := p.open(ctx)
	if err != nil {
		return err
	}
	part := make([]byte, transfer.PartBytes)
	for {
		n, err := transfer.Fill(body, part)
		if n > 0 {
			if serr := p.store(ctx, part[:n]); serr != nil {
				return errors.Join(serr, body.Close())
			}
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, io.EOF):
			if err := body.Close(); err != nil {
				return err
			}
			return p.turn(ctx)
		}
		err = errors.Join(endsEarly(err), body.Close())
		if p.order.Page.Tag == "" || errors.Is(err, publichttp.ErrTooLarge) || ctx.Err() != nil {
			return err
		}
		var same bool
		if body, same, err = p.resume(ctx); err != nil {
			return err
		}
		if !same {
			at := p.order.Length - p.order.Page.Start
			return errors.Join(ErrAnswer.Detailf("the file broke off at %d bytes, and the other side does not go on from there with the same one", at), body.Close())
		}
	}
}

func endsEarly(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrAnswer.Detailf("the file ends too early").Because(err)
	}
	return err
}

// store keeps a part, which may be nothing but the page's place.
func (p *pages) store(ctx context.Context, part []byte) error {
	if p.order.Length+int64(len(part)) > transfer.MaxUpload {
		return publichttp.ErrTooLarge
	}
	if err := p.fetcher.orders.AppendFetch(ctx, *p.order, part); err != nil {
		return err
	}
	p.order.Length += int64(len(part))
	return nil
}

// turn goes on to the next page, or notes that there is none.
func (p *pages) turn(ctx context.Context) error {
	page := &p.order.Page
	if p.order.Complete = page.Next == ""; !p.order.Complete {
		*page = Page{URL: page.Next, Start: p.order.Length, Count: page.Count}
	}
	return p.store(ctx, nil)
}

// open asks for the page in hand, from where it broke off when that is known and it is still the same, else from its beginning.
func (p *pages) open(ctx context.Context) (io.ReadCloser, error) {
	page := &p.order.Page
	if page.Tag != "" && p.order.Length > page.Start {
		body, same, err := p.resume(ctx)
		if err != nil || same {
			return body, err
		}
		if err := body.Close(); err != nil {
			return nil, err
		}
	}
	p.order.Length = page.Start
	if page.Count++; page.Count > mostPages {
		return nil, ErrAnswer.Detailf("the other side has more than %d pages", mostPages)
	}
	answer, err := p.persist(ctx)
	if err != nil {
		return nil, err
	}
	page.Next, page.Tag = p.follow(answer), ""
	if tag := answer.Header.Get("ETag"); !strings.HasPrefix(tag, "W/") { // a weak one does not promise the same bytes
		page.Tag = tag
	}
	return answer.Body, nil
}

// resume asks for the rest of the page in hand, and tells whether it is that of the same page.
func (p *pages) resume(ctx context.Context) (body io.ReadCloser, same bool, err error) {
	answer, err := p.persist(ctx)
	if err != nil {
		return nil, false, err
	}
	at, span := strconv.FormatInt(p.order.Length-p.order.Page.Start, 10), answer.Header.Get("Content-Range")
	switch answer.StatusCode {
	case http.StatusPartialContent:
		same = strings.HasPrefix(span, "bytes "+at+"-")
	case http.StatusRequestedRangeNotSatisfiable: // nothing of it was lacking
		return http.NoBody, span == "bytes */"+at, answer.Body.Close()
	}
	return answer.Body, same, nil
}

// persist asks for the page in hand, again when the first tries fail for a passing reason.
func (p *pages) persist(ctx context.Context) (*http.Response, error) {
	const tries = 3
	for try := 1; ; try++ {
		answer, err := p.ask(ctx)
		if err == nil {
			return answer, nil
		}
		kind := fault.Of(err).Kind()
		if try == tries || kind != fault.Unavailable && kind != fault.Internal && kind != fault.Timeout || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(time.Duration(try*try) * time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var errAway = fault.Define(fault.Unavailable, "peer_away", "The other side does not answer for now")

func (p *pages) ask(ctx context.Context) (*http.Response, error) {
	at := p.order.Length - p.order.Page.Start
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.order.Page.URL, nil)
	if err != nil {
		return nil, publichttp.ErrURL.Because(err)
	}
	if p.token != "" && sameOrigin(p.order.Page.URL, p.order.URL) {
		// OCPI 2.2.1, 4.2.1: the token is sent in base64.
		request.Header.Set("Authorization", "Token "+base64.StdEncoding.EncodeToString([]byte(p.token)))
	}
	if at > 0 {
		request.Header.Set("Range", "bytes="+strconv.FormatInt(at, 10)+"-")
		request.Header.Set("If-Range", p.order.Page.Tag)
	}
	answer, err := p.fetcher.client.Do(request)
	if err != nil {
		if errors.Is(err, publichttp.ErrForbidden) || errors.Is(err, publichttp.ErrURL) || errors.Is(err, publichttp.ErrTooLarge) || ctx.Err() != nil {
			return nil, err
		}
		return nil, errAway.Detailf("the other side cannot be reached").Because(err)
	}
	switch {
	case answer.StatusCode == http.StatusOK,
		at > 0 && (answer.StatusCode == http.StatusPartialContent || answer.StatusCode == http.StatusRequestedRangeNotSatisfiable):
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
			if err != nil || next.String() == p.order.Page.URL {
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
