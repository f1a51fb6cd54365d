package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/e2e/browsertest"
	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// account is who the caller is.
type account struct {
	ID    uuid.UUID `json:"id"`
	Email string    `json:"email"`
}

// TestTheReferenceInABrowser goes from the first page to the interactive reference. It has every operation of the three documents, asks
// nobody but the product, has nothing to complain of, and sends a request.
func TestTheReferenceInABrowser(t *testing.T) {
	tab := browsertest.Open(t, "en")
	product(t)
	tab.Do(chromedp.Navigate(world.baseURL + "/"))
	tab.Await(fmt.Sprintf(`document.querySelector('#origin').textContent === %q`, world.baseURL))
	tab.Do(chromedp.Click(chromedp.CSS(`a[href="/docs"]`)))
	tab.Await(`location.pathname === '/docs'`)
	for _, service := range stack.Services {
		tab.Do(chromedp.Navigate(world.baseURL + "/docs?urls.primaryName=" + service))
		operations := world.documents[service].Operations()
		tab.Await(fmt.Sprintf(`document.querySelectorAll('.opblock').length >= %d`, len(operations)))
		shown := browsertest.Get(tab, chromedp.Evaluate[[]string](
			`[...document.querySelectorAll('.opblock')].map((o) => o.id.split('-').at(-1) + ' ' + o.querySelector('.opblock-summary-path').dataset.path)`))
		for _, operation := range operations {
			if !slices.Contains(shown, operation.ID+" "+operation.Path) {
				t.Errorf("%s: %s %s is not in the reference, which has %q", service, operation.ID, operation.Path, shown)
			}
		}
	}

	tab.Do(chromedp.Navigate(world.baseURL + "/docs?urls.primaryName=station-catalog"))
	for _, button := range []string{".opblock-summary-control", ".execute"} {
		button = "#operations-reference-getReference " + button
		tab.Await(fmt.Sprintf(`document.querySelector(%q) !== null`, button))
		tab.Do(chromedp.Click(chromedp.CSS(button)))
	}
	tab.Await(`document.querySelector('.live-responses-table .response .response-col_status')?.innerText.startsWith('200')`)

	requests := tab.Requests()
	tried := false
	for _, url := range requests {
		tried = tried || url == world.baseURL+"/v1/reference"
		if !strings.HasPrefix(url, world.baseURL+"/") && !strings.HasPrefix(url, "data:") {
			t.Errorf("the pages ask for %s", url)
		}
	}
	if !tried {
		t.Errorf("the request that was tried out is not among %q", requests)
	}
	for _, complaint := range tab.Complaints() {
		t.Error("the console has: ", complaint)
	}
}

// TestAPasswordIsResetInABrowser goes the way of somebody who has forgotten a password and reads German.
func TestAPasswordIsResetInABrowser(t *testing.T) {
	tab := browsertest.Open(t, "de")
	driver, _ := newDriver(t)
	email := get[account](driver, "/v1/me").Email

	tab.Do(chromedp.Navigate(world.baseURL + "/v1/auth/password/reset"))
	tab.Type(`input[name=email]`, email)
	tab.Do(chromedp.Click(chromedp.CSS(`form[data-when=no-token] button`)))
	tab.Await(`document.querySelector('form[data-when=no-token] [role=status]').innerText === 'Falls es zu dieser Adresse ein Konto gibt, ist eine Mail unterwegs.'`)

	// The mailed link is followed in the very tab that asked for it.
	if _, err := browsertest.Try[string](tab, fmt.Sprintf(`location.href = %q`, mailed(t, email, resetLink))); err != nil {
		t.Fatal(err)
	}
	tab.Await(`document.querySelector('form[data-when=no-token]').hidden && location.hash === ''`)
	if lang := browsertest.Get(tab, chromedp.Evaluate[string](`document.documentElement.lang`)); lang != "de" {
		t.Errorf("the page is in %q", lang)
	}
	chosen := "vier Wörter und kein Wort davon " + uuid.NewString()
	for _, typed := range []struct{ password, class, says string }{
		{"kurz und gut", "wrong", "Das Passwort ist zu kurz: Es braucht mindestens 15 Zeichen. Mehrere Wörter ergeben ein gutes."},
		{"passwordpassword1", "wrong", "Diese Wörter oder Muster probieren alle zuerst. Wählen Sie ein anderes Passwort."},
		{chosen, "", "Das Passwort ist gesetzt. Melden Sie sich damit an."},
	} {
		tab.Type(`input[name=password]`, typed.password)
		tab.Do(chromedp.Click(chromedp.CSS(`form[data-when=token] button`)))
		tab.Await(fmt.Sprintf(`(({className, innerText}) => className === %q && innerText === %q)(document.querySelector('form[data-when=token] [role=status]'))`,
			typed.class, typed.says))
	}
	for _, complaint := range tab.Complaints() {
		if !strings.Contains(complaint, "status of 400") { // the two refusals
			t.Error("the console has: ", complaint)
		}
	}
	login(anonymous(t), email, chosen)
	wantProblem(t, driver.do(http.MethodGet, "/v1/me", nil), http.StatusUnauthorized, "invalid_token")
}
