package httpapi

import (
	"context"
	"fmt"

	"github.com/ihr-charging/charging-plot-api/libs/page"
)

// cursorOf reads where a page starts; the zero K when it is the first.
func cursorOf[K any](codec *page.Codec, cursor *string) (after K, err error) {
	if cursor == nil {
		return after, nil
	}
	return after, codec.Decode(*cursor, &after)
}

// cut takes the one row too many away that says whether there is a next page.
func cut[T any](rows []T, limit int) (_ []T, more bool) {
	if len(rows) <= limit {
		return rows, false
	}
	return rows[:limit], true
}

// linkTo is the Link header of a list; nil without a next page.
func linkTo(ctx context.Context, next *string) *string {
	if next == nil {
		return nil
	}
	r := requestFrom(ctx)
	link := fmt.Sprintf(`<%s?%s>; rel="next"`, r.path, page.NextQuery(r.query, *next))
	return &link
}
