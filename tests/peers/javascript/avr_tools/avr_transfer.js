// In the form of AVR's own: the deployment's packages, a sentence for any failure.
require('dotenv').config();
const axios = require('axios');

module.exports = {
  name: 'avr_transfer',
  description: 'Transfers the caller to an extension.',
  input_schema: {
    type: 'object',
    properties: {
      transfer_extension: { type: 'string', description: 'The extension.' },
      transfer_context: { type: 'string', description: 'The dialplan context.' },
      transfer_priority: { type: 'string', description: 'The dialplan priority.' },
    },
    required: ['transfer_extension'],
  },
  handler: async (uuid, { transfer_extension, transfer_context, transfer_priority }) => {
    const url = process.env.AMI_URL || 'http://127.0.0.1:6006';
    try {
      const res = await axios.post(`${url}/transfer`, {
        uuid,
        exten: transfer_extension,
        context: transfer_context || 'demo',
        priority: transfer_priority || 1,
      });
      return res.data.message;
    } catch (error) {
      console.error('transfer:', error.message);
      return `Error during the transfer: ${error.message}`;
    }
  },
};
