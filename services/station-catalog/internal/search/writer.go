package search

import "slices"

// writer makes the next snapshot of one batch.
type writer struct {
	next  Snapshot
	learn *learner
	done  Applied
}

func newWriter(now *Snapshot) *writer {
	return &writer{next: *now, learn: newLearner(now.names)}
}

func (w *writer) changeStations(upserts []Document, deletes []ID) {
	coming := w.entries(upserts)
	for _, id := range deletes {
		if _, held := w.next.find(id); held || coming[id] != nil {
			w.done.Deleted++
			coming[id] = nil
		}
	}
	if len(coming) == 0 {
		return
	}
	var (
		edits       []edit
		byID, evses []listing
	)
	for id, e := range coming {
		at, held := w.next.find(id)
		if held {
			p := w.next.tree.page(at)
			from := p.position(at.slot)
			w.next.sum.subtract(id, p.versions[at.slot])
			if e == nil || e.position != from {
				edits = append(edits, edit{position: from})
				byID = append(byID, listing{place{id, from.key}, true})
			}
			first, end := p.evseRange(at.slot)
			for _, evse := range p.evses[first:end] {
				evses = append(evses, listing{place{evse, from.key}, true})
			}
			if e != nil {
				e.keepStatuses(p, first, end)
				e.Rating = p.live.ratings.of(at.slot)
			}
			held = e != nil && e.position == from
		}
		if e == nil {
			continue
		}
		w.next.sum.add(id, e.Version)
		edits = append(edits, edit{position: e.position, add: e})
		if !held {
			byID = append(byID, listing{place{id, e.key}, false})
		}
		for i := range e.EVSEs {
			evses = append(evses, listing{place{e.EVSEs[i].ID, e.key}, false})
		}
	}
	w.next.tree = w.next.tree.with(edits, newBuilder(w.learn.now))
	w.next.byID = w.next.byID.with(byID)
	w.next.evses = w.next.evses.with(withoutPairs(evses))
}

// entries gives the newest entry of each station to be put in.
func (w *writer) entries(upserts []Document) map[ID]*entry {
	coming := make(map[ID]*entry, len(upserts))
	for _, d := range upserts {
		held := int64(-1 << 63)
		if e := coming[d.ID]; e != nil {
			held = e.Version
		} else if at, known := w.next.find(d.ID); known {
			held = w.next.tree.page(at).versions[at.slot]
		}
		if d.Version < held {
			w.done.Stale++
			continue
		}
		e, err := newEntry(d, w.learn)
		if err != nil {
			w.done.Refused = append(w.done.Refused, Refusal{d.ID, err})
			continue
		}
		w.done.Upserted++
		coming[d.ID] = e
	}
	return coming
}

// keepStatuses carries over what is newer among the statuses held of the same EVSEs.
func (e *entry) keepStatuses(p page, first, end int) {
	for i := range e.EVSEs {
		evse := &e.EVSEs[i]
		for held := first; held < end; held++ {
			if p.evses[held] == evse.ID && p.live.since[held] > micros(evse.StatusAt) {
				evse.Plot, evse.Status, evse.StatusAt = p.live.plots[held], p.live.statuses[held], fromMicros(p.live.since[held])
			}
		}
	}
}

// withoutPairs drops additions and removals of the same place, which is what most changes of a
// station come to, so that the directory's chunks stay as they are.
func withoutPairs(changes []listing) []listing {
	slices.SortFunc(changes, func(a, b listing) int { return a.compare(b.place) })
	kept := changes[:0]
	for i := 0; i < len(changes); {
		same, sum := i, 0
		for ; same < len(changes) && changes[same].place == changes[i].place; same++ {
			if changes[same].remove {
				sum--
			} else {
				sum++
			}
		}
		change := listing{changes[i].place, sum < 0}
		for range max(sum, -sum) {
			kept = append(kept, change)
		}
		i = same
	}
	return kept
}

func (w *writer) changeStatuses(changes []StatusChange) {
	drafts := map[spot]*draft{}
	for _, change := range changes {
		known, fresh := false, false
		for at, evse := range w.next.evse(change.EVSE) {
			known = true
			d := drafts[at]
			if d == nil {
				d = newDraft(w.next.tree.page(at))
				drafts[at] = d
			}
			if d.set(evse, &change) {
				fresh = true
			}
		}
		switch {
		case !known:
			w.done.Unknown = append(w.done.Unknown, change.EVSE)
		case fresh:
			w.done.Statuses++
		default:
			w.done.Stale++
		}
	}
	if len(drafts) == 0 {
		return
	}
	render := newRenderer(w.next.names)
	changed := make(map[spot]page, len(drafts))
	for at, d := range drafts {
		changed[at] = d.finish(render)
	}
	w.next.tree = w.next.tree.withPages(changed)
}
