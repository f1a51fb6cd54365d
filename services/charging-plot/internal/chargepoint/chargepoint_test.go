package chargepoint_test

import (
	"errors"
	"math"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func TestNewSampleNormalisesUnits(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		in   chargepoint.Reading
		want chargepoint.Sample
	}{
		"nothing said": {
			chargepoint.Reading{Value: 5}, chargepoint.Sample{Measurand: chargepoint.EnergyImportRegister, Value: 5},
		},
		"kWh": {
			chargepoint.Reading{Unit: "kWh", Value: 1.5}, chargepoint.Sample{Measurand: chargepoint.EnergyImportRegister, Value: 1500},
		},
		"kW": {
			chargepoint.Reading{Measurand: "Power.Active.Import", Unit: "kW", Value: 50, Phase: "L1"},
			chargepoint.Sample{Measurand: chargepoint.PowerImport, Value: 50_000, Phase: "L1"},
		},
		"a multiplier": {
			chargepoint.Reading{Unit: "Wh", Value: 7, Multiplier: 3}, chargepoint.Sample{Measurand: chargepoint.EnergyImportRegister, Value: 7000},
		},
		"state of charge": {
			chargepoint.Reading{Measurand: "SoC", Unit: "Percent", Value: 80, Location: "EV", Context: "Transaction.Begin"},
			chargepoint.Sample{Measurand: chargepoint.StateOfCharge, Value: 80, Location: "EV", Context: "Transaction.Begin"},
		},
		"something of a maker's own": {
			chargepoint.Reading{Measurand: "Maker.Thing", Unit: "furlong", Value: 3}, chargepoint.Sample{Measurand: "Maker.Thing", Value: 3},
		},
	} {
		c.in.At, c.want.At = at, at
		if c.want.Location == "" {
			c.want.Location = "Outlet"
		}
		if c.want.Context == "" {
			c.want.Context = "Sample.Periodic"
		}
		got, err := chargepoint.NewSample(c.in)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestNewSampleRefusesNonsense(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]chargepoint.Reading{
		"energy in volts":    {Unit: "V", Value: 5},
		"an unknown unit":    {Measurand: "Power.Active.Import", Unit: "hp", Value: 5},
		"not a number":       {Value: math.NaN()},
		"infinity":           {Value: math.Inf(1)},
		"a multiplied flood": {Value: 5, Multiplier: 400},
		"more than there is": {Value: 1e15},
		"more than full":     {Measurand: "SoC", Value: 101},
		"less than empty":    {Measurand: "SoC", Value: -1},
	} {
		if _, err := chargepoint.NewSample(in); !errors.Is(err, chargepoint.ErrBadReading) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPasswordsAndTagsFitOCPP(t *testing.T) {
	t.Parallel()
	password, tag := chargepoint.NewPassword(), chargepoint.NewIDTag()
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{40}$`).MatchString(password) || password == chargepoint.NewPassword() {
		t.Errorf("the password is %q", password)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`).MatchString(tag) || tag == chargepoint.NewIDTag() {
		t.Errorf("the tag is %q", tag)
	}
	a, b := chargepoint.NewSecret(password), chargepoint.NewSecret(password)
	if string(a.Hash) == string(b.Hash) || !a.Matches(password) || a.Matches(password+" ") || a.Matches("") {
		t.Error("a secret does not keep its password, and no other")
	}
}
