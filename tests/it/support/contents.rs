//! How much a database holds, whatever tables it has.

use std::collections::BTreeMap;

use super::database::TestDatabase;

impl TestDatabase {
    /// How many rows each table has.
    pub async fn row_counts(&self) -> BTreeMap<String, i64> {
        let mut counts = BTreeMap::new();
        for table in self.tables().await {
            let rows = self.rows(&table).await;
            counts.insert(table, rows);
        }
        assert!(counts.contains_key("enrollments"), "{counts:?}");
        counts
    }
}
