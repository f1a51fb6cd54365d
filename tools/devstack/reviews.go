package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ihr-charging/charging-plot-api/tools/demo"
)

// review has drivers review the connected stations that nobody has reviewed yet, and tells how many reviews they wrote.
func (f *fleet) review(ctx context.Context, caller *api) (written int, err error) {
	var drivers [demo.Reviewers]*api // who has logged in
	for n, place := range f.places {
		path := "/v1/stations/" + place.StationID + "/reviews"
		var there struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := caller.call(ctx, http.MethodGet, path+"?limit=1", nil, &there); err != nil {
			return written, err
		}
		if len(there.Items) > 0 {
			continue
		}
		for _, r := range demo.Reviews(n) {
			if drivers[r.Driver] == nil {
				if drivers[r.Driver], err = caller.login(ctx, demo.Drivers()[r.Driver].Email, demo.Password); err != nil {
					return written, fmt.Errorf("log a reviewer in: %w", err)
				}
			}
			var made struct{}
			if err := drivers[r.Driver].call(ctx, http.MethodPost, path, r, &made); err != nil {
				return written, err
			}
			written++
		}
	}
	return written, nil
}
