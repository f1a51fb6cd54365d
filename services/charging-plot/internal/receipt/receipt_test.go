package receipt_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/receipt"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

func record() session.CDR {
	began := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	return session.CDR{
		ID: uuid.MustParse("01900000-0000-7000-8000-000000000001"), OperatorName: "Réseau Électrique & Söhne", StationName: "Gare <du> Nord",
		Address: "18 Rue de Dunkerque, 75010 Paris, FR", PlotLabel: "P7", StartedAt: began, EndedAt: began.Add(2 * time.Hour), TimeZone: "Europe/Paris",
		MeterStartWh: 1_000_000, MeterStopWh: 1_020_000, EnergyKWh: "20", ChargingS: 3600, ParkingS: 3600, ReservationS: 600, Currency: "EUR",
		Lines: []session.CDRLine{
			{Phase: "RESERVATION", Dimension: "TIME", Volume: "0.166667", Unit: "h", Price: "3", VAT: "20", ExclTax: "0.50", InclTax: "0.60"},
			{Phase: "SESSION", Dimension: "FLAT", Volume: "1", Price: "0.5", VAT: "20", ExclTax: "0.50", InclTax: "0.60"},
			{Phase: "SESSION", Dimension: "ENERGY", Volume: "20", Unit: "kWh", Price: "0.25", VAT: "20", ExclTax: "5.00", InclTax: "6.00"},
			{Phase: "SESSION", Dimension: "PARKING_TIME", Volume: "1", Unit: "h", Price: "2", VAT: "20", ExclTax: "2.00", InclTax: "2.40"},
		},
		TotalExclTax: "8.00", TotalInclTax: "9.60", CreatedAt: began.Add(2 * time.Hour),
	}
}

func TestThePageSaysEveryLineAndEscapesNames(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := receipt.HTML(&out, record()); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, want := range []string{
		"Gare &lt;du&gt; Nord", "Réseau Électrique &amp; Söhne", "4 May 2026, 14:00:00 CEST", "0.166667 h", "0.25 EUR/kWh", "20 %", "Parking time",
		"<td colspan=\"5\">Total</td><td>9.60 EUR</td>", "1000.000 kWh to 1020.000 kWh", "prefers-color-scheme: dark",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "<du>") {
		t.Error("a name is markup")
	}
}

func TestARecordWithoutATariffSaysSo(t *testing.T) {
	t.Parallel()
	c := record()
	c.Lines, c.Currency, c.TotalExclTax, c.TotalInclTax, c.TimeZone = nil, "", "", "", "Nowhere/At all"
	var page, sheet bytes.Buffer
	if err := errors.Join(receipt.HTML(&page, c), receipt.PDF(&sheet, c)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "no tariff was in force") || !strings.Contains(page.String(), "12:00:00 UTC") {
		t.Error("the page does not say that nothing was priced")
	}
}

func TestTheSheetIsAPDF(t *testing.T) {
	t.Parallel()
	long := record()
	long.StationName = strings.Repeat("A station with a very long name 充电站 ", 8)
	for range 60 {
		long.Lines = append(long.Lines, long.Lines[2])
	}
	for name, c := range map[string]session.CDR{"short": record(), "long": long} {
		var out bytes.Buffer
		if err := receipt.PDF(&out, c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.HasPrefix(out.Bytes(), []byte("%PDF-1.")) || !bytes.Contains(out.Bytes()[out.Len()-16:], []byte("%%EOF")) {
			t.Errorf("%s: it begins with %q", name, out.Bytes()[:8])
		}
		pages := bytes.Count(out.Bytes(), []byte("/Type /Page\n"))
		if want := map[string]int{"short": 1, "long": 3}[name]; pages != want {
			t.Errorf("%s: it has %d pages, want %d", name, pages, want)
		}
		if dir := os.Getenv("RECEIPT_DIR"); dir != "" { // to look at them
			if err := os.WriteFile(dir+"/"+name+".pdf", out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestThePageIsWellFormed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := receipt.HTML(&out, record()); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(&out)
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
