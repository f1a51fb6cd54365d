-- +goose Up

-- What a username looks like (UTS #39): two that look alike have one skeleton. Null until the janitor has filled it in for
-- names from before this column, and for the later of two of those that look alike.
ALTER TABLE accounts ADD COLUMN username_skeleton text NULL;
ALTER TABLE accounts ADD CONSTRAINT accounts_username_skeleton_unique UNIQUE (username_skeleton);

-- +goose Down
ALTER TABLE accounts DROP COLUMN username_skeleton;
