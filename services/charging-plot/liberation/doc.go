// Package liberation takes the place of the module of its name (go.mod, replace). gonum/plot links all twelve faces of the Liberation fonts
// into every program, 4.3 MB that compress badly; our pictures and receipts use two. Those are here as they are, from the module's former
// home; the other ten names give Liberation Sans. See docs/adr/0023-small-programs.md.
package liberation
