-- Plots and charge points whose EVSEs the catalogue has moved to another station stayed at the one before. Those whose EVSEs all stand at
-- one other station go there, and the change feed tells of the plots.

-- +goose Up
WITH at AS (
    SELECT pe.plot_id, min(e.station_id::text)::uuid AS station_id
    FROM plot_evses pe
    JOIN evses e ON e.id = pe.evse_id
    WHERE NOT e.removed
    GROUP BY pe.plot_id
    HAVING count(DISTINCT e.station_id) = 1
), moved AS (
    UPDATE plots p
    SET station_id = at.station_id, operator_id = s.operator_id, version = p.version + 1, updated_at = now()
    FROM at
    JOIN stations s ON s.id = at.station_id
    WHERE p.id = at.plot_id AND p.station_id <> at.station_id
    RETURNING p.id, p.version
)
INSERT INTO plot_changes (entity_id, op, version) SELECT id, 'upsert', version FROM moved;

WITH at AS (
    SELECT cc.charge_point_id, min(e.station_id::text)::uuid AS station_id
    FROM charge_point_connectors cc
    JOIN evses e ON e.id = cc.evse_id
    WHERE NOT e.removed
    GROUP BY cc.charge_point_id
    HAVING count(DISTINCT e.station_id) = 1
)
UPDATE charge_points c
SET station_id = at.station_id, operator_id = s.operator_id, version = c.version + 1, updated_at = now()
FROM at
JOIN stations s ON s.id = at.station_id
WHERE c.id = at.charge_point_id AND c.station_id <> at.station_id;

-- +goose Down
SELECT 1;
