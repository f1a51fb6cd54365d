// Package postgres is everything the services share about their databases.
//
// Open gives a pool (sqlx over lib/pq) with timeouts on every wait, so that neither a slow
// statement nor a forgotten transaction nor a silent server can hold a request for ever. It does
// not connect: a service starts while its database is away and says so by its readiness.
//
//	db, err := postgres.Open(ctx, cfg)
//	err = db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error { … })
//	return postgres.Map(err, map[string]*fault.Fault{"plots_label_key": ErrLabelTaken})
//
// InTx repeats what Postgres asks to repeat. Map turns violated constraints into the faults that a
// store names for them, and lost connections into fault.Unavailable. CopyFrom writes in bulk.
// Listen hears notifications. Migrate, MigrateDown, Status and SchemaProbe look after the schema;
// NewMigration begins a file of it. Package pgtest makes a database for a test.
//
// Arrays are passed as pq.Array (= any($1) instead of in (…)), columns are listed by name, and a
// statement never carries a value in its text: traces show statements, never what was bound. What one caller waits for may run on
// Statements, which are prepared once.
package postgres
