-- +goose Up

-- What somebody changed who is to be forgotten. Few actors, each in one run of entries: it is small, and cheap to append to.
CREATE INDEX catalog_history_actor_idx ON catalog_history (actor);

-- +goose Down
DROP INDEX catalog_history_actor_idx;
