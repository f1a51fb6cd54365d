// Package search finds stations in memory: exactly, in microseconds, and without ever making a
// reader wait.
//
// An [Index] holds a [Document] for every station. A writer loads all of them once and then
// applies batches of changes as the feeds bring them; readers take a [Snapshot], which never
// changes, ask it a [Query] and copy the rendered items:
//
//	index := search.New()
//	err := index.Load(documents, asOf)             // all stations, once
//	index.Apply(search.Batch{Statuses: changes})   // from then on
//
//	circle, err := search.NewCircle(48.8566, 2.3522, 10_000)
//	query := search.Query{
//		Region: circle,
//		Plug:   search.Plug{Standards: []string{"IEC_62196_T2_COMBO"}, MinPowerW: 50_000, Free: true},
//		Order:  search.ByRank(), // nearest first
//		Limit:  50,
//	}
//	var result search.Result // best kept in a pool
//	index.Snapshot().Search(&query, &result)
//	for i := range result.Hits {
//		body = result.Hits[i].AppendItem(body)
//	}
//
// # What is promised
//
// Result.Total counts every match. Hits are in a total order, that of the query and then by id, and
// [Cursor] continues behind one of them: paging gives each match once, and a station that matches
// throughout is neither lost nor repeated when others change between pages. Distances are haversine
// distances; [Vector] says how they are computed, so that SQL gives the same stations in the same
// order bit for bit. The tests hold all of this against a plain scan.
//
// # How it is laid out
//
//	Snapshot ─ tree ─ blocks ─ pages ─┬─ stations: positions, plugs, facets, items …
//	         ├ byID                   └─ live: statuses, free plugs, rendered counts, ratings
//	         └ evses
//
// Stations are sorted along a Hilbert curve (hilbert) and cut into pages of up to 256; 64 pages make
// a block. Neighbours on the curve are neighbours on the ground, so a region touches few pages. The
// bounds of blocks, pages and quarters of pages are boxes around vectors in space, where neither
// poles nor the antimeridian are special.
//
// Within a page everything is a column by slot, without a pointer per station, and every property is
// a set of slots: 256 bits (words). What items have in common is one string for all of them
// (Document.Common). A page keeps each distinct plug (standard, power and traits of a
// connector) with the set of stations that have it, and a second set of those that have it free.
// Whatever is asked of one and the same connector is thus a union over the plugs that comply; other
// conditions (facets: operator, country, access, tags) are intersections; and the number of matches
// on a page is a count of bits. So the total of a query costs some ten nanoseconds for each page it
// covers and no visit to a station, except along the border of the region.
//
// For an order with a key, such as the distance, pages with matches wait in a heap by the least key
// that their bounds allow (candidates), and are looked into until none that waits can get among the
// first so many (selection). By id alone, pages are merged as they come.
//
// # How it changes
//
// All of it is copied on write (tree, writer): a batch copies the pages it touches, the lists of
// pages of their blocks and the list of blocks, then swaps one pointer. A status or a rating copies only
// the live half of a page, some ten kilobytes at most. Load packs documents into pages as they arrive and merges
// those along the curve, on every core. byID and evses (directory) are sorted lists in chunks, from
// ids to places on the curve.
//
// # What else there is to ask
//
// A [Region] says how bounds lie to it and which slots of a word are within: [Circle], [Box], [Polygon] and [Corridor]. Circle and
// Corridor are rankers too: by the distance, and by the metres along the route. A property of stations is a facet, or a [Column] if
// it is a number; of connectors, a trait. The words of a station's text are kept as facets are (texts), sorted, so that the beginning
// of a word is a run of them; stations with the same opening hours share one [Hours].
//
// [Snapshot.Cluster] counts matches in the cells of a map, [Snapshot.Gather] puts them on a [Tile] of it, [Snapshot.Spread] chooses among them so that each part of the map has its
// share, and [Snapshot.Stats] counts everything. They visit pages as a search does, without order or cursor.
package search
