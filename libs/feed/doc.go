// Package feed lets others follow what changes here, and lets this service follow others.
//
// A log is a table of changes beside the entities. Whoever changes an entity appends to the log in
// the same transaction:
//
//	err := db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
//		… // write the plot
//		return feed.Append(ctx, tx, "plot_changes", feed.Change{ID: plot.ID, Op: feed.Upsert, Version: plot.Version})
//	})
//
// A Source serves the log as pages, each with the cursor to ask with next, and can wait for a first
// change. A Follower asks a peer's feed page by page and hands each to a function that stores rows
// and cursor in one transaction, so that it goes on where it stopped, whatever dies in between.
//
// # Order
//
// Transactions do not commit in the order in which they take numbers from a sequence, so a reader
// that remembers the highest number it has seen misses those that commit late. A log is therefore
// ordered by (xid, seq), the writing transaction and a sequence within it, and a page shows only
// rows of transactions older than every one still running: below pg_snapshot_xmin no further row
// can appear. The cost is that a transaction that writes for a minute, anywhere in the cluster of
// databases, holds back what others commit meanwhile. Write in short transactions.
//
// # What a reader may rely on
//
// Every change is seen at least once, and its entity as it is when the page is made, not as it was:
// of two changes in quick succession both events may show the second. An entity that is gone by then
// shows as deleted, one that is there as upserted, whichever the change was. Reading from the
// beginning therefore ends in exactly the entities that there are.
//
// # How long a log is kept
//
// Of several changes of one entity the last is enough, and Source.Compact removes the others at any
// time; no reader notices. What was deleted is remembered for Retention (30 days), after which a
// cursor issued before is refused with ErrCursorGone, as is one of another log: of a database that
// was made anew, or restored. The reader then starts over from the beginning, and a Follower does so
// by itself. After a restore from a dump, in which the xids belong to another server, the log is
// renumbered when a Source first runs on it. After any restore that lost changes which others may
// have seen, give the log another epoch (update TABLE_log set epoch = gen_random_uuid()).
package feed
