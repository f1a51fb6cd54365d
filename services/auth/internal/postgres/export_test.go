package postgres

// ExportedTables are the tables that an export tells of.
func ExportedTables() map[string]bool {
	tables := map[string]bool{}
	for _, part := range exported {
		tables[part.table] = true
	}
	return tables
}
