package search

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
)

// ErrTwice is what Load returns when an id comes twice.
var ErrTwice = errors.New("two stations of one id")

// Load replaces everything with the documents of a sequence and makes it visible at its end; until
// then the index answers from what it had. When the sequence yields an error, a document is
// refused or an id comes twice, the index stays as it was and Load returns the error.
//
// Documents are packed as they come, so that Load holds little more than the index it makes. It
// uses every core.
func (x *Index) Load(documents iter.Seq2[Document, error], at AsOf) error {
	x.writing.Lock()
	defer x.writing.Unlock()

	learn := newLearner(x.current.Load().names)
	runs, err := collect(documents, learn)
	if err != nil {
		return err
	}
	next := &Snapshot{names: learn.now, asOf: at}
	next.tree = merge(runs, learn.now)
	if next.byID, next.evses, err = directories(&next.tree); err != nil {
		return err
	}
	for _, b := range next.tree.blocks {
		for _, p := range b.pages {
			for slot, id := range p.ids {
				next.sum.add(id, p.versions[slot])
			}
		}
	}
	x.current.Store(next)
	return nil
}

// run is a part of the documents in the order of positions, in pages that search does not see.
type run []page

// runSize is how many documents are packed at a time.
const runSize = 1 << 14

// collect sorts documents into runs while further ones arrive.
func collect(documents iter.Seq2[Document, error], learn *learner) ([]run, error) {
	var (
		packing sync.WaitGroup
		runs    []*run
		pending []*entry
		idle    = make(chan *builder, runtime.GOMAXPROCS(0))
	)
	for range cap(idle) {
		idle <- newBuilder(nil)
	}
	defer packing.Wait()
	pack := func() {
		entries, out, b := pending, new(run), <-idle
		pending, runs = nil, append(runs, out)
		packing.Go(func() {
			*out = b.run(entries)
			idle <- b
		})
	}
	for d, err := range documents {
		if err != nil {
			return nil, err
		}
		e, err := newEntry(d, learn)
		if err != nil {
			return nil, fmt.Errorf("station %s: %w", d.ID, err)
		}
		if pending = append(pending, e); len(pending) == runSize {
			pack()
		}
	}
	if len(pending) > 0 {
		pack()
	}
	packing.Wait()
	packed := make([]run, len(runs))
	for i := range runs {
		packed[i] = *runs[i]
	}
	return packed, nil
}

// run packs entries. Search never sees these pages, so that nothing is rendered.
func (b *builder) run(entries []*entry) run {
	slices.SortFunc(entries, func(e, f *entry) int { return e.compare(f.position) })
	var r run
	for part := range slices.Chunk(entries, pageFill) {
		sources := make([]source, len(part))
		for i, e := range part {
			sources[i] = source{position: e.position, add: e}
		}
		r = append(r, b.page(sources))
	}
	return r
}

// directories lists all stations and EVSEs of a tree, or gives ErrTwice.
func directories(t *tree) (byID, evses directory, err error) {
	count := 0
	for _, b := range t.blocks {
		for _, p := range b.pages {
			count += len(p.evses)
		}
	}
	var (
		listing      sync.WaitGroup
		stationsList = make([]place, 0, t.count)
		evseList     = make([]place, 0, count)
	)
	for _, b := range t.blocks {
		for _, p := range b.pages {
			for slot, id := range p.ids {
				key := p.keys[slot]
				stationsList = append(stationsList, place{id, key})
				first, end := p.evseRange(slot)
				for _, evse := range p.evses[first:end] {
					evseList = append(evseList, place{evse, key})
				}
			}
		}
	}
	listing.Go(func() {
		slices.SortFunc(evseList, place.compare)
		evses = newDirectory(evseList)
	})
	slices.SortFunc(stationsList, place.compare)
	byID = newDirectory(stationsList)
	listing.Wait()
	for i := 1; i < len(stationsList); i++ {
		if id := stationsList[i].id; id == stationsList[i-1].id {
			return directory{}, directory{}, fmt.Errorf("%w: %s", ErrTwice, id)
		}
	}
	return byID, evses, nil
}
