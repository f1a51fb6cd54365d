-- Several EVSEs may serve one bay. An EVSE that leaves a bay goes back to the plot that was made for it.

-- +goose Up
ALTER TABLE plots ADD COLUMN made_for uuid; -- the EVSE that the catalogue brought it with; NULL: not known
UPDATE plots p SET made_for = pe.evse_id FROM plot_evses pe WHERE pe.plot_id = p.id;
CREATE INDEX plots_made_for_idx ON plots (made_for);

-- +goose Down
ALTER TABLE plots DROP COLUMN made_for;
