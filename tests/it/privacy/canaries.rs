//! Values that must turn up nowhere, in each form that they take on their way.

use crate::support::database::TestDatabase;

/// A password of the database, as an operator gives it.
pub const PASSWORD: &str = "canary-Passw0rd-5b1f";

pub const CUSTOMER_ID: &str = "CANARY-CUSTOMER-7731";
pub const PHONE_NUMBER: &str = "+1 (425) 555-7731";
pub const EMAIL: &str = "Canary.Mail+7731@example.com";
pub const NOTICE_CODE: &str = "canary-no71-ce31";
pub const TAX_ID: &str = "987-65-4320";
pub const PERSON_ID: &str = "canary-person-7731";

/// Everything that is looked for.
pub struct Canaries(Vec<String>);

impl Canaries {
    pub fn new() -> Self {
        let written = [
            CUSTOMER_ID,
            PHONE_NUMBER,
            EMAIL,
            NOTICE_CODE,
            TAX_ID,
            PERSON_ID,
            PASSWORD,
        ];
        let canonical = ["4255557731", "canary.mail", "CANARYN071CE31", "987654320"];
        Self(
            written
                .iter()
                .chain(&canonical)
                .map(|canary| (*canary).to_owned())
                .collect(),
        )
    }

    /// One that is known only now: an activation code, a token.
    pub fn add(&mut self, canary: &str) {
        assert!(canary.len() > 8, "too short to be told from anything else");
        self.0.push(canary.to_owned());
    }

    pub async fn assert_none_in_tables(&self, database: &TestDatabase) {
        for canary in &self.0 {
            for form in [canary.clone(), canary.to_lowercase(), canary.to_uppercase()] {
                let tables = database.tables_with(&form).await;
                assert_eq!(tables, [""; 0], "{form}");
            }
        }
    }

    #[track_caller]
    pub fn assert_none_in(&self, place: &str, text: &str) {
        let text = text.to_lowercase();
        for canary in &self.0 {
            let canary = canary.to_lowercase();
            for form in [
                hex::encode(&canary),
                hex::encode(canary.to_uppercase()),
                canary,
            ] {
                let found = text.find(&form).map(|at| {
                    let from = text[..at]
                        .char_indices()
                        .rev()
                        .nth(200)
                        .map_or(0, |(at, _)| at);
                    &text[from..at]
                });
                assert!(found.is_none(), "{form} in {place}, after: {found:?}");
            }
        }
    }
}
