// Package search finds stations in memory, exactly.
//
// An Index holds a Document for every station. Readers take its Snapshot and ask it Queries; a
// writer loads all documents once and then applies batches of changes as they come from the
// change feeds.
package search
