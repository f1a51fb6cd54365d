package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

type operatorsPage struct {
	Items      []operator.Operator `json:"items"`
	NextCursor string              `json:"next_cursor"`
}

func TestOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	anyone := w.anonymous()
	first, _ := want[operatorsPage](anyone, http.StatusOK, http.MethodGet, "/v1/operators?limit=1", nil)
	second, _ := want[operatorsPage](anyone, http.StatusOK, http.MethodGet, "/v1/operators?limit=1&cursor="+first.NextCursor, nil)
	if len(first.Items) != 1 || len(second.Items) != 1 || second.NextCursor != "" || first.Items[0].ID == second.Items[0].ID {
		t.Errorf("the pages are %+v and %+v", first, second)
	}
	o := first.Items[0]
	one, a := want[operator.Operator](anyone, http.StatusOK, http.MethodGet, "/v1/operators/"+o.ID.String(), nil)
	if one != o {
		t.Errorf("one is %+v, in the list it is %+v", one, o)
	}
	if again := anyone.do(http.MethodGet, "/v1/operators/"+o.ID.String(), nil, "If-None-Match", a.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("what the caller holds was answered by %d", again.status)
	}
	refused(anyone, http.StatusNotFound, "operator_not_found", http.MethodGet, "/v1/operators/"+uuid.NewString(), nil)
	refused(anyone, http.StatusNotFound, "tariff_not_found", http.MethodGet, "/v1/tariffs/"+uuid.NewString(), nil)
	refused(anyone, http.StatusBadRequest, "bad_cursor", http.MethodGet, "/v1/operators?cursor=forged", nil)
	tooMany := "/v1/operators?cursor=" + first.NextCursor + "&limit=501"
	refused(anyone, http.StatusBadRequest, "invalid_request", http.MethodGet, tooMany, nil)

	all, _ := want[map[string]reference.Enumeration](anyone, http.StatusOK, http.MethodGet, "/v1/reference", nil)
	if len(all) != len(reference.All())+1 || !all["connector_standard"].Has("IEC_62196_T2_COMBO") || !all["vehicle"].Has(zoe) {
		t.Errorf("the reference has %d enumerations, %d vehicles", len(all), len(all["vehicle"]))
	}
}
