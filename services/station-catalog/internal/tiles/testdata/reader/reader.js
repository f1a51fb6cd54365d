// Reads the vector tiles that come in a JSON array, in base64, as MapLibre does, and writes what is in them.
import {readFileSync} from 'node:fs';
import {VectorTile} from '@mapbox/vector-tile';
import {PbfReader} from 'pbf';

const layersOf = (tile) =>
  Object.values(new VectorTile(new PbfReader(Buffer.from(tile, 'base64'))).layers).map((layer) => ({
    name: layer.name,
    version: layer.version,
    extent: layer.extent,
    features: Array.from({length: layer.length}, (_, i) => {
      const feature = layer.feature(i);
      const {id, type, properties} = feature;
      return {id, type, properties, points: feature.loadGeometry().map((points) => points.map(({x, y}) => [x, y]))};
    }),
  }));

console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(layersOf)));
